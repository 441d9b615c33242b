//! Where a proposal stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::safety::refusal::Refusal;

/// Where a proposal stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ProposalStatus {
    /// It waits for a decision.
    Pending,
    /// Enough people approved it.
    Approved,
    /// It is being done.
    Executing,
    /// It was done and helped.
    Succeeded,
    /// It was done in vain, or could not be done.
    Failed,
    /// The server ended in between: a person has to look.
    Unknown,
    /// Somebody denied it.
    Denied,
    /// Nobody decided or used it in time.
    Expired,
    /// The proposer took it back.
    Cancelled,
    /// It was approved, and then the world, the policy or the action differed.
    Refused,
}

impl ProposalStatus {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Approved,
        Self::Executing,
        Self::Succeeded,
        Self::Failed,
        Self::Unknown,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Refused,
    ];

    /// The name as it is served.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Executing => "executing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Refused => "refused",
        }
    }

    /// True if it waits for somebody or something.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved | Self::Executing)
    }

    /// Why a proposal in this status cannot be decided any more; `None` if it can.
    pub(super) const fn undecidable(self) -> Option<Refusal> {
        match self {
            Self::Pending => None,
            Self::Expired => Some(Refusal::Expired),
            Self::Cancelled => Some(Refusal::Cancelled),
            Self::Denied => Some(Refusal::Denied),
            _ => Some(Refusal::Decided),
        }
    }
}

impl std::str::FromStr for ProposalStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|status| status.as_str() == text);
        named.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is not a status of a proposal: write one of {names}")
        })
    }
}
