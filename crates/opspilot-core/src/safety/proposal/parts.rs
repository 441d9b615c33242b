//! What a proposal consists of, and what is presented to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::safety::action::{Action, Digest};
use crate::safety::catalogue::{Plan, Policy};
use crate::safety::token::ApprovalToken;

/// One action of a proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proposed {
    /// What an approval is bound to.
    pub action: Action,
    /// What will be done, for people.
    pub plan: Plan,
    /// Who had to approve this action when it was proposed.
    pub policy: Policy,
    /// What the target said that it would do, if it can say.
    pub dry_run: Option<String>,
    /// The arguments whose text comes from a log line.
    pub from_evidence: Vec<String>,
}

/// A person's decision, or the server's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, if they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is stored of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredToken {
    /// The token's digest.
    pub digest: Digest,
    /// A name that tells nothing of the token.
    pub public_id: String,
    /// The digests of the approved actions, in order; `None` for one that the token was used for.
    pub bound: Vec<Option<Digest>>,
}

/// What an approval led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// So many more people must approve.
    NeedsMore(usize),
    /// It may be done now.
    Complete,
}

/// What somebody presents to have an action done.
#[derive(Debug)]
pub struct Presented<'p> {
    /// The token.
    pub token: &'p ApprovalToken,
    /// Which action of the proposal, counted from 0.
    pub index: usize,
    /// The action as it would be done now.
    pub action: &'p Action,
    /// The policy as it is now.
    pub policy: &'p Policy,
    /// The state of the target as it is now.
    pub observed: Option<&'p str>,
}
