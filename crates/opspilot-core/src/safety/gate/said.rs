//! What somebody says with a decision: why, and which actions they saw when they made it.

use super::redeeming::planned;
use super::{Gate, GateError};
use crate::safety::action::Digest;
use crate::safety::proposal::Proposal;

/// What somebody says with a decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Why.
    pub reason: Option<String>,
    /// The digests of the actions that they saw, in order. An approval of anything else is refused.
    pub seen: Option<Vec<Digest>>,
}

impl From<Option<String>> for Said {
    fn from(reason: Option<String>) -> Self {
        Self { reason, seen: None }
    }
}

impl Said {
    /// False if something else was seen than what `proposal` is about.
    pub(super) fn has_seen(&self, proposal: &Proposal) -> bool {
        let Some(seen) = &self.seen else {
            return true;
        };
        let stored = proposal.actions.iter();
        stored
            .map(|proposed| proposed.action.digest())
            .eq(seen.iter().copied())
    }
}

impl Gate {
    /// False if what was seen is not what the catalogue would do now: its entry was changed or is gone.
    pub(super) async fn is_as_seen(&self, id: &str, said: &Said) -> Result<bool, GateError> {
        let Some(seen) = &said.seen else {
            return Ok(true);
        };
        let Some(proposal) = self.get(id).await? else {
            return Ok(true);
        };
        let now = proposal.actions.iter().map(|proposed| {
            let action_type = self.catalogue().get(&proposed.action.action_type)?;
            let planned = planned(&*action_type, &proposed.action).ok()?;
            Some(planned.digest())
        });
        Ok(now.eq(seen.iter().copied().map(Some)))
    }
}
