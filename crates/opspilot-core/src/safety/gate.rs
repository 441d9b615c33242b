//! The one door: proposals in, and an [`Approved`](super::action::Approved) out for whoever presents the right token.
//!
//! What is decided is stored in one transaction with its audit entry, its event and the incident's timeline; a token is
//! used up before its action begins. Whoever holds a [`Gate`] reads; what else somebody may do they are given apart, see
//! [`super::powers`]. Only [`super::runner`] redeems.

mod deeds;
mod due;
mod notes;
mod preparing;
mod reading;
mod recording;
mod redeeming;
mod said;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::Notify;

use self::deeds::{Cancel, Decide, Store};
use super::audit::{Audit, Record};
use super::catalogue::{ArgumentError, Catalogue};
use super::execution::Execution;
use super::identity::{Identity, Role};
use super::proposal::{Proposal, ProposalStatus};
use super::refusal::Refusal;
use super::token::{ApprovalToken, NoRandomness};
use crate::bus::{Bus, PublishError};
use crate::clock::Clock;
use crate::incident::{IncidentId, Incidents};
use crate::storage::{Collection, SharedStorage, StorageError, Store as Namespace};

pub use self::preparing::{Draft, Item};
pub(super) use self::redeeming::Ending;
pub use self::said::Said;

/// Reads proposals and what came of them; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bus: Bus,
    clock: Arc<dyn Clock>,
    catalogue: Catalogue,
    books: Books,
    /// Told when something may fall due earlier than before.
    waiting: Notify,
}

/// Where the gate writes; cloning it clones handles.
#[derive(Debug, Clone)]
struct Books {
    proposals: Collection<Proposal>,
    executions: Collection<Execution>,
    audit: Audit,
    incidents: Incidents,
}

/// What an approval led to.
#[derive(Debug)]
pub(in crate::safety) struct Decided {
    /// The proposal as stored.
    pub(in crate::safety) proposal: Proposal,
    /// The token, once enough people have approved.
    pub(in crate::safety) token: Option<ApprovalToken>,
}

/// A person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It may be done.
    Approve,
    /// It may not.
    Deny,
}

/// Why the gate did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// It refused; this is audited.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The catalogue has no such type of action.
    #[error("there is no type of action `{0}` in the catalogue")]
    UnknownType(String),
    /// The arguments are not what the type of action accepts.
    #[error("the arguments of `{action_type}` are wrong: {source}")]
    Arguments {
        /// The type of action.
        action_type: String,
        /// What is wrong.
        source: ArgumentError,
    },
    /// A proposal has no actions, or too many.
    #[error("a proposal has between 1 and {limit} actions, not {count}")]
    Count {
        /// How many there were.
        count: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The target does not answer, or refuses the dry run.
    #[error("`{action_type}` cannot be proposed now: {detail}")]
    Unavailable {
        /// The type of action.
        action_type: String,
        /// Why, in the executor's words.
        detail: String,
    },
    /// No token could be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The storage does not work.
    #[error("proposals cannot be stored or read")]
    Storage(#[from] StorageError),
    /// The change could not be stored.
    #[error("the decision could not be stored")]
    Publish(#[from] PublishError),
}

/// Which proposals to list.
#[derive(Debug, Clone, Default)]
pub struct ProposalFilter {
    /// Those in one of these states; all if empty.
    pub statuses: Vec<ProposalStatus>,
    /// Those of this incident.
    pub incident: Option<IncidentId>,
}

impl Gate {
    /// Opens the gate on `storage`; changes go through `bus`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        audit: Audit,
        incidents: Incidents,
    ) -> Result<Self, StorageError> {
        let system = Namespace::new(storage, "system");
        Ok(Self(Arc::new(Inner {
            clock: Arc::clone(bus.clock()),
            bus,
            catalogue: Catalogue::default(),
            books: Books {
                proposals: system.collection().await?,
                executions: system.collection().await?,
                audit,
                incidents,
            },
            waiting: Notify::new(),
        })))
    }

    /// The types of action that there are.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    /// Proposes `draft` on behalf of `requested_by`, a subject or a module id: checks the arguments, looks at the
    /// targets, asks for a dry run where there is one, and stores the result.
    ///
    /// # Errors
    /// When an action or its arguments are wrong, a target does not answer, or nothing can be stored.
    pub(in crate::safety) async fn propose(
        &self,
        draft: Draft,
        requested_by: &str,
    ) -> Result<Proposal, GateError> {
        let types: Vec<_> = draft
            .items
            .iter()
            .map(|item| item.action_type.clone())
            .collect();
        let prepared = preparing::prepare(&self.0, draft, requested_by).await;
        if let Err(error) = &prepared {
            self.refuse_draft(types, error, requested_by).await?;
        }
        let proposal = prepared?;
        let work = Store {
            books: self.0.books.clone(),
            proposal: proposal.clone(),
        };
        self.0.bus.transact(requested_by, work).await??;
        self.0.waiting.notify_one();
        Ok(proposal)
    }

    /// Audits that a draft is nothing that can be proposed.
    async fn refuse_draft(
        &self,
        types: Vec<String>,
        error: &GateError,
        requested_by: &str,
    ) -> Result<(), GateError> {
        let is_refusal = matches!(
            error,
            GateError::UnknownType(_) | GateError::Arguments { .. } | GateError::Count { .. }
        );
        if is_refusal {
            let record = Record::new("action.refused", requested_by)
                .detail("attempted", "propose")
                .detail("actionTypes", types)
                .detail("reason", error.to_string());
            self.0.books.audit.append(record).await?;
        }
        Ok(())
    }

    /// What a draft of one action would be, without proposing it.
    ///
    /// # Errors
    /// As [`Gate::propose`].
    pub(in crate::safety) async fn preview(
        &self,
        draft: Draft,
        requested_by: &str,
    ) -> Result<Proposal, GateError> {
        preparing::prepare(&self.0, draft, requested_by).await
    }

    /// Takes the proposal `id` back on behalf of its proposer `by`, or of an administrator (`role`).
    ///
    /// # Errors
    /// When it is refused or cannot be stored.
    pub(in crate::safety) async fn cancel(
        &self,
        id: &str,
        by: &str,
        role: Option<Role>,
        reason: Option<String>,
    ) -> Result<Proposal, GateError> {
        let work = Cancel {
            books: self.0.books.clone(),
            id: id.to_owned(),
            by: by.to_owned(),
            role,
            reason,
        };
        self.0.bus.transact(by, work).await?
    }

    /// Decides the proposal `id` on behalf of `by`.
    ///
    /// # Errors
    /// [`GateError::Refused`] with its reason, which is audited; or when nothing can be stored.
    pub(in crate::safety) async fn decide(
        &self,
        id: &str,
        verb: Verb,
        by: &Identity,
        said: impl Into<Said>,
    ) -> Result<Decided, GateError> {
        let (inner, said) = (&self.0, said.into());
        let is_seen = self.is_as_seen(id, &said).await?;
        let work = Decide {
            books: inner.books.clone(),
            id: id.to_owned(),
            verb,
            by: by.clone(),
            is_seen,
            said,
            token: ApprovalToken::try_new()?,
        };
        let decided = inner.bus.transact(by.subject(), work).await?;
        inner.waiting.notify_one();
        decided
    }
}

/// The arguments of an action, as JSON.
pub type Arguments = Map<String, Value>;
