//! Why the gate refuses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why something was not approved, denied or executed. Each has its own reason in the audit log.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, thiserror::Error,
)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such proposal.
    #[error("there is no such proposal")]
    Unknown,
    /// Services and agents do not decide.
    #[error("only a person may decide")]
    NotAPerson,
    /// The role is below what the policy asks for.
    #[error("the role does not allow this decision")]
    RoleTooLow,
    /// The proposer does not decide.
    #[error("whoever proposed it may not decide it")]
    OwnProposal,
    /// The same person approved before; another one is needed.
    #[error("you approved it already; another person is needed")]
    AlreadyApproved,
    /// What would be done is not what whoever approves has seen.
    #[error("what would be done is not what you saw: read the proposal again")]
    NotAsSeen,
    /// Only the proposer and administrators take a proposal back.
    #[error("only the proposer or an administrator may cancel it")]
    NotTheProposer,
    /// The proposal waits for a decision.
    #[error("nobody has approved it")]
    NotApproved,
    /// The proposal does not wait for a decision any more.
    #[error("it was decided already")]
    Decided,
    /// It was denied.
    #[error("it was denied")]
    Denied,
    /// It was taken back.
    #[error("it was cancelled")]
    Cancelled,
    /// The proposal or the approval is too old.
    #[error("it has expired")]
    Expired,
    /// The token was used for this action before.
    #[error("the approval was used already")]
    Used,
    /// Another action of the proposal is being done.
    #[error("another action of it is being done")]
    Busy,
    /// The token is not the one that this approval gave out.
    #[error("the token belongs to another approval")]
    Foreign,
    /// The action is not the one that was approved.
    #[error("the action is not the one that was approved")]
    Altered,
    /// The configuration asks for other approvals than when it was approved.
    #[error("the policy was changed since the approval")]
    PolicyChanged,
    /// The target is not as it was when the action was proposed.
    #[error("the target has changed since the proposal")]
    WorldChanged,
    /// The configuration has no such type of action any more.
    #[error("the type of action is not in the catalogue any more")]
    TypeGone,
    /// The state of the target could not be found out.
    #[error("the state of the target could not be found out")]
    Unobservable,
}

impl Refusal {
    /// The stable name, as it is served.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotAPerson => "not-a-person",
            Self::RoleTooLow => "role-too-low",
            Self::OwnProposal => "own-proposal",
            Self::AlreadyApproved => "already-approved",
            Self::NotAsSeen => "not-as-seen",
            Self::NotTheProposer => "not-the-proposer",
            Self::NotApproved => "not-approved",
            Self::Decided => "decided",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Busy => "busy",
            Self::Foreign => "foreign",
            Self::Altered => "altered",
            Self::PolicyChanged => "policy-changed",
            Self::WorldChanged => "world-changed",
            Self::TypeGone => "type-gone",
            Self::Unobservable => "unobservable",
        }
    }

    /// True if the approval is worth nothing any more: what it was given for does not exist now.
    #[must_use]
    pub const fn voids(self) -> bool {
        matches!(
            self,
            Self::Altered
                | Self::PolicyChanged
                | Self::WorldChanged
                | Self::TypeGone
                | Self::Unobservable
        )
    }
}
