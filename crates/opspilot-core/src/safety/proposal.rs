//! A proposal and its life. Pure: every transition gets the time and whoever asks for it.
//!
//! ```text
//! pending ─ approve ─▶ approved ─ redeem ─▶ executing ─ finish ─▶ succeeded | failed | unknown
//!    │                    │                     └─ with actions left ─▶ approved
//!    ├─ deny ─▶ denied    ├─ time ─▶ expired
//!    ├─ time ─▶ expired   └─ the world, the policy or the action differs ─▶ refused
//!    └─ cancel ─▶ cancelled (also while approved)
//! ```

mod parts;
mod redeeming;
mod status;
mod stored;

use serde::{Deserialize, Serialize};

pub use parts::{Approval, Decision, Presented, Proposed, StoredToken};
pub use status::ProposalStatus;

use super::catalogue::Policy;
use super::identity::{Identity, Kind, Role, is_same_person};
use super::refusal::Refusal;
use super::token::ApprovalToken;
use crate::clock::Timestamp;
use crate::incident::IncidentId;

/// Something that waits for a person's decision, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: ProposalStatus,
    /// What would be done: one action, or the actions of a runbook in order.
    pub actions: Vec<Proposed>,
    /// What it is for.
    pub description: String,
    /// Why it is proposed.
    pub reasoning: String,
    /// Who proposed it: a subject or a module id.
    pub requested_by: String,
    /// The person whose wish it was, where a module proposed it for somebody. They may not decide it either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// The incident that it should help, if any.
    pub incident_id: Option<IncidentId>,
    /// Who must approve it.
    pub policy: Policy,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// Until when somebody may decide; then until when the approval is valid.
    pub expires_at: Timestamp,
    /// Who approved it, in order.
    pub approvals: Vec<Decision>,
    /// What ended it: the denial, the cancellation or the refusal.
    pub ended: Option<Decision>,
    /// The approval's token, as far as it is stored.
    pub token: Option<StoredToken>,
    /// True if its actions start when the proposer says so, not at the approval.
    pub held: bool,
}

impl Proposal {
    /// Adds the approval of `by`. The last one that is needed binds `token` to the actions.
    ///
    /// # Errors
    /// When `by` may not approve it, or it does not wait for a decision.
    pub fn approve(
        &mut self,
        by: &Identity,
        reason: Option<String>,
        token: &ApprovalToken,
        now: Timestamp,
    ) -> Result<Approval, Refusal> {
        self.require_decider(by, now)?;
        let mut earlier = self.approvals.iter();
        if earlier.any(|earlier| is_same_person(&earlier.by, by.subject())) {
            return Err(Refusal::AlreadyApproved);
        }
        self.approvals.push(Decision {
            by: by.subject().to_owned(),
            at: now,
            reason,
        });
        let missing = usize::from(self.policy.approvers).saturating_sub(self.approvals.len());
        if missing > 0 {
            return Ok(Approval::NeedsMore(missing));
        }
        self.status = ProposalStatus::Approved;
        self.expires_at = now.plus(self.policy.token_lifetime());
        let bound = self
            .actions
            .iter()
            .map(|proposed| Some(proposed.action.digest()));
        self.token = (!self.is_manual()).then(|| StoredToken {
            digest: token.digest(),
            public_id: token.public_id(),
            bound: bound.collect(),
        });
        Ok(Approval::Complete)
    }

    /// True if a person does it: its approval gives out no token and does not end.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        let mut actions = self.actions.iter();
        actions.all(|proposed| proposed.action.executor == "manual")
    }

    /// True if time ends it: nobody has decided it, or its token waits to be used.
    fn has_deadline(&self) -> bool {
        match self.status {
            ProposalStatus::Pending => true,
            ProposalStatus::Approved => self.token.is_some(),
            _ => false,
        }
    }

    /// Denies it on behalf of `by`.
    ///
    /// # Errors
    /// When `by` may not decide it, or it does not wait for a decision.
    pub fn deny(
        &mut self,
        by: &Identity,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.require_decider(by, now)?;
        self.end(ProposalStatus::Denied, by.subject(), reason, now);
        Ok(())
    }

    /// Takes it back on behalf of `by`: the proposer, or an administrator (`role`).
    ///
    /// # Errors
    /// When `by` is neither, or it is being done or over.
    pub fn cancel(
        &mut self,
        by: &str,
        role: Option<Role>,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if by != self.requested_by && role != Some(Role::Admin) {
            return Err(Refusal::NotTheProposer);
        }
        if self.status != ProposalStatus::Approved
            && let Some(refusal) = self.status.undecidable()
        {
            return Err(refusal);
        }
        self.end(ProposalStatus::Cancelled, by, reason, now);
        Ok(())
    }

    /// Ends it if its time is over; true if that changed it.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        if !self.has_deadline() || now < self.expires_at {
            return false;
        }
        self.end(ProposalStatus::Expired, "core", None, now);
        true
    }

    /// Ends the approval that `token` belongs to, because of `refusal`; anybody else's token changes nothing. Returns the
    /// refusal that holds.
    pub(super) fn void(
        &mut self,
        token: &ApprovalToken,
        refusal: Refusal,
        now: Timestamp,
    ) -> Refusal {
        match self.usable_token() {
            Err(other) => other,
            Ok(stored) if !token.is(&stored.digest) => Refusal::Foreign,
            Ok(_) if self.status == ProposalStatus::Executing => Refusal::Busy,
            Ok(_) => {
                self.end(
                    ProposalStatus::Refused,
                    "core",
                    Some(refusal.to_string()),
                    now,
                );
                refusal
            }
        }
    }

    /// Expires an approval whose token nobody has any more; true if that changed it.
    pub(super) fn lose_token(&mut self, now: Timestamp) -> bool {
        let is_lost = self.status == ProposalStatus::Approved && self.token.is_some();
        if is_lost {
            let reason = "the server was started again before it was done; propose it again";
            self.end(ProposalStatus::Expired, "core", Some(reason.into()), now);
        }
        is_lost
    }

    /// Notes how an action ended. An approval with actions left goes on being one.
    pub fn finish(&mut self, status: ProposalStatus) {
        self.status = match status {
            ProposalStatus::Succeeded if self.has_more() => ProposalStatus::Approved,
            status => status,
        };
        if !self.status.is_open() {
            self.token = None;
        }
    }

    /// True if the token was not used for every action.
    fn has_more(&self) -> bool {
        let token = self.token.as_ref();
        token.is_some_and(|token| token.bound.iter().any(Option::is_some))
    }

    /// True if `subject` proposed it, or had a module propose it.
    fn is_wish_of(&self, subject: &str) -> bool {
        let wishers = [Some(&self.requested_by), self.asked_by.as_ref()];
        let mut wishers = wishers.into_iter().flatten();
        wishers.any(|wisher| is_same_person(wisher, subject))
    }

    /// How many different people who may decide it have approved it.
    fn approvers(&self) -> usize {
        let names = self.approvals.iter().map(|decision| decision.by.as_str());
        let mut people: Vec<&str> = Vec::new();
        for name in names.filter(|name| !self.is_wish_of(name)) {
            if !people.iter().any(|known| is_same_person(known, name)) {
                people.push(name);
            }
        }
        people.len()
    }

    fn require_decider(&mut self, by: &Identity, now: Timestamp) -> Result<(), Refusal> {
        if by.kind() != Kind::Human {
            return Err(Refusal::NotAPerson);
        }
        if by.role() < self.policy.role {
            return Err(Refusal::RoleTooLow);
        }
        if self.is_wish_of(by.subject()) {
            return Err(Refusal::OwnProposal);
        }
        if self.status == ProposalStatus::Pending && self.expire(now) {
            return Err(Refusal::Expired);
        }
        self.status.undecidable().map_or(Ok(()), Err)
    }

    fn end(&mut self, status: ProposalStatus, by: &str, reason: Option<String>, now: Timestamp) {
        self.status = status;
        self.token = None;
        self.ended = Some(Decision {
            by: by.to_owned(),
            at: now,
            reason,
        });
    }
}

#[cfg(test)]
mod tests;
