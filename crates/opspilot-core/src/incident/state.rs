//! The life of an incident.
//!
//! ```text
//!          acknowledge            resolve             close
//!   open ───────────────► acknowledged ───► resolved ───────► closed
//!    │ ▲                        │              ▲ │              │
//!    │ └────────── reopen ──────┼──────────────┼─┴── reopen ────┤
//!    └───────── resolve ────────┼──────────────┘                │
//!    └───────── close ──────────┴──────────── close ────────────┘
//! ```

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an incident stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody has taken it.
    Open,
    /// Somebody works on it.
    Acknowledged,
    /// The trouble is over.
    Resolved,
    /// Nothing is left to do.
    Closed,
}

/// A change of status that a person or a module asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// Take it: open → acknowledged.
    Acknowledge,
    /// The trouble is over: open or acknowledged → resolved.
    Resolve,
    /// Done with it: open, acknowledged or resolved → closed.
    Close,
    /// It is back: acknowledged, resolved or closed → open.
    Reopen,
}

/// A change that the state machine does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot {transition} an incident that is {from}")]
pub struct IllegalTransition {
    /// The status it has.
    pub from: Status,
    /// What was asked for.
    pub transition: Transition,
}

impl Status {
    /// All statuses, in the order of an incident's life.
    pub const ALL: [Self; 4] = [Self::Open, Self::Acknowledged, Self::Resolved, Self::Closed];

    /// The wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// True while the trouble lasts: open or acknowledged.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged)
    }

    /// The status after `transition`.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the state machine has no such edge.
    pub const fn after(self, transition: Transition) -> Result<Self, IllegalTransition> {
        match (self, transition) {
            (Self::Open, Transition::Acknowledge) => Ok(Self::Acknowledged),
            (Self::Open | Self::Acknowledged, Transition::Resolve) => Ok(Self::Resolved),
            (Self::Open | Self::Acknowledged | Self::Resolved, Transition::Close) => {
                Ok(Self::Closed)
            }
            (Self::Acknowledged | Self::Resolved | Self::Closed, Transition::Reopen) => {
                Ok(Self::Open)
            }
            (from, transition) => Err(IllegalTransition { from, transition }),
        }
    }
}

impl Transition {
    /// All transitions.
    pub const ALL: [Self; 4] = [Self::Acknowledge, Self::Resolve, Self::Close, Self::Reopen];

    /// The verb.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
            Self::Close => "close",
            Self::Reopen => "reopen",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                format!("`{text}` is not a status: write open, acknowledged, resolved or closed")
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exactly_these_changes_are_legal() {
        let legal: Vec<_> = Status::ALL
            .into_iter()
            .flat_map(|from| Transition::ALL.map(|transition| (from, transition)))
            .filter_map(|(from, by)| from.after(by).ok().map(|to| format!("{from} {by} {to}")))
            .collect();
        let expected = [
            "open acknowledge acknowledged",
            "open resolve resolved",
            "open close closed",
            "acknowledged resolve resolved",
            "acknowledged close closed",
            "acknowledged reopen open",
            "resolved close closed",
            "resolved reopen open",
            "closed reopen open",
        ];
        assert_eq!(legal, expected);
    }

    proptest! {
        #[test]
        fn closed_is_left_only_by_reopening(
            walk in prop::collection::vec(prop::sample::select(&Transition::ALL[..]), 0..40),
        ) {
            let mut status = Status::Open;
            for transition in walk {
                let next = status.after(transition).unwrap_or(status);
                if status == Status::Closed && next != Status::Closed {
                    prop_assert_eq!(transition, Transition::Reopen);
                }
                status = next;
            }
        }
    }
}
