//! Proposing, deciding and taking back, each in one transaction.

use async_trait::async_trait;
use serde_json::json;

use super::notes::{self, Told};
use super::{Books, Decided, GateError, Said, Verb};
use crate::bus::{Tx, Work};
use crate::event::{ActionApproved, ActionDenied};
use crate::safety::identity::{Identity, Role};
use crate::safety::proposal::{Approval, Proposal, ProposalStatus};
use crate::safety::refusal::Refusal;
use crate::safety::token::ApprovalToken;
use crate::storage::StorageError;

/// Stores a new proposal.
pub(super) struct Store {
    pub(super) books: Books,
    pub(super) proposal: Proposal,
}

#[async_trait]
impl Work for Store {
    type Output = Result<(), StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Self { books, proposal } = self;
        let told = Told::new("action.requested", &proposal.requested_by)
            .with("description", json!(proposal.description))
            .with("reasoning", json!(proposal.reasoning));
        books.record(tx, &proposal, told).await?;
        tx.emit(notes::proposed(&proposal));
        Ok(())
    }
}

/// Approves or denies.
pub(super) struct Decide {
    pub(super) books: Books,
    pub(super) id: String,
    pub(super) verb: Verb,
    pub(super) by: Identity,
    pub(super) said: Said,
    /// False if what would be done now is known not to be what was seen.
    pub(super) is_seen: bool,
    pub(super) token: ApprovalToken,
}

#[async_trait]
impl Work for Decide {
    type Output = Result<Decided, GateError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let mut proposal = find(
            &self.books,
            tx,
            &self.id,
            self.verb.as_str(),
            self.by.subject(),
        )
        .await?;
        let (now, reason) = (tx.now(), self.said.reason.clone());
        let was_pending = proposal.status == ProposalStatus::Pending;
        let is_seen = self.is_seen && self.said.has_seen(&proposal);
        let result = match self.verb {
            Verb::Approve => {
                let before = proposal.clone();
                match proposal.approve(&self.by, reason, &self.token, now) {
                    Ok(_) if !is_seen => {
                        proposal = before;
                        Err(Refusal::NotAsSeen)
                    }
                    approved => approved.map(Some),
                }
            }
            Verb::Deny => proposal.deny(&self.by, reason, now).map(|()| None),
        };
        match result {
            Ok(None) => self.denied(tx, proposal).await,
            Ok(Some(approval)) => self.approved(tx, proposal, approval).await,
            Err(refusal) => {
                let expired_now = was_pending && proposal.status == ProposalStatus::Expired;
                if expired_now {
                    expired(&self.books, tx, &proposal).await?;
                }
                self.books
                    .tell_refusal(
                        tx,
                        (&self.id, Some(&proposal)),
                        (self.verb.as_str(), self.by.subject()),
                        refusal,
                    )
                    .await?;
                Err(GateError::Refused(refusal))
            }
        }
    }
}

impl Decide {
    async fn approved(
        self,
        tx: &mut Tx,
        proposal: Proposal,
        approval: Approval,
    ) -> Result<Decided, GateError> {
        let reason = json!(self.said.reason);
        let Approval::Complete = approval else {
            let told = Told::new("action.approvalAdded", self.by.subject())
                .with("reason", reason)
                .with("approvers", json!(proposal.policy.approvers));
            self.books.record(tx, &proposal, told).await?;
            return Ok(Decided {
                proposal,
                token: None,
            });
        };
        let told = Told::new("action.approved", self.by.subject())
            .with("reason", reason)
            .with("tokenId", json!(self.token.public_id()))
            .with("expiresAt", json!(proposal.expires_at));
        self.books.record(tx, &proposal, told).await?;
        tx.emit(ActionApproved {
            request_id: proposal.id.clone(),
            approved_by: self.by.subject().to_owned(),
            expires_at: proposal.expires_at,
            incident_id: proposal.incident_id.clone(),
        });
        Ok(Decided {
            proposal,
            token: Some(self.token),
        })
    }

    async fn denied(self, tx: &mut Tx, proposal: Proposal) -> Result<Decided, GateError> {
        let reason = json!(self.said.reason);
        let told = Told::new("action.denied", self.by.subject()).with("reason", reason);
        self.books.record(tx, &proposal, told).await?;
        tx.emit(ActionDenied {
            request_id: proposal.id.clone(),
            denied_by: self.by.subject().to_owned(),
            reason: self.said.reason,
            incident_id: proposal.incident_id.clone(),
        });
        Ok(Decided {
            proposal,
            token: None,
        })
    }
}

impl Verb {
    /// What is attempted, in the audit log.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// Takes a proposal back.
pub(super) struct Cancel {
    pub(super) books: Books,
    pub(super) id: String,
    pub(super) by: String,
    pub(super) role: Option<Role>,
    pub(super) reason: Option<String>,
}

#[async_trait]
impl Work for Cancel {
    type Output = Result<Proposal, GateError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let mut proposal = find(&self.books, tx, &self.id, "cancel", &self.by).await?;
        let now = tx.now();
        let result = proposal.cancel(&self.by, self.role, self.reason.clone(), now);
        if let Err(refusal) = result {
            let place = (self.id.as_str(), Some(&proposal));
            self.books
                .tell_refusal(tx, place, ("cancel", &self.by), refusal)
                .await?;
            return Err(GateError::Refused(refusal));
        }
        let told = Told::new("action.cancelled", &self.by).with("reason", json!(self.reason));
        self.books.record(tx, &proposal, told).await?;
        tx.emit(notes::withdrawn(&proposal));
        Ok(proposal)
    }
}

/// The proposal `id`; that there is none is audited as a refusal of what `actor` attempted.
pub(super) async fn find(
    books: &Books,
    tx: &mut Tx,
    id: &str,
    attempted: &str,
    actor: &str,
) -> Result<Proposal, GateError> {
    if let Some(proposal) = tx.get(&books.proposals, id).await? {
        return Ok(proposal);
    }
    let refusal = Refusal::Unknown;
    books
        .tell_refusal(tx, (id, None), (attempted, actor), refusal)
        .await?;
    Err(GateError::Refused(refusal))
}

/// Stores that the time of `proposal` is over.
pub(super) async fn expired(
    books: &Books,
    tx: &mut Tx,
    proposal: &Proposal,
) -> Result<(), StorageError> {
    books
        .record(tx, proposal, Told::new("action.expired", "core"))
        .await?;
    tx.emit(notes::withdrawn(proposal));
    Ok(())
}
