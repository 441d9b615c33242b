//! How the token of an approval is used, once for each action.

use super::{Presented, Proposal, ProposalStatus, StoredToken};
use crate::clock::Timestamp;
use crate::safety::refusal::Refusal;

impl Proposal {
    /// Uses the token up for one action, which may then be done.
    ///
    /// # Errors
    /// When anything is not exactly as it was approved. What makes the approval worthless ends the proposal.
    pub fn redeem(&mut self, presented: &Presented<'_>, now: Timestamp) -> Result<(), Refusal> {
        let result = self.check(presented, now);
        match result {
            Ok(()) => {
                let bound = self.token.as_mut().map(|token| &mut token.bound);
                if let Some(slot) = bound.and_then(|bound| bound.get_mut(presented.index)) {
                    *slot = None;
                }
                self.status = ProposalStatus::Executing;
            }
            Err(refusal) if refusal.voids() => {
                let reason = Some(refusal.to_string());
                self.end(ProposalStatus::Refused, "core", reason, now);
            }
            Err(Refusal::Expired) => {
                self.expire(now);
            }
            Err(_) => {}
        }
        result
    }

    fn check(&self, presented: &Presented<'_>, now: Timestamp) -> Result<(), Refusal> {
        let token = self.usable_token()?;
        if !presented.token.is(&token.digest) {
            return Err(Refusal::Foreign);
        }
        if now >= self.expires_at {
            return Err(Refusal::Expired);
        }
        let bound = token.bound.get(presented.index);
        if bound == Some(&None) {
            return Err(Refusal::Used);
        }
        if self.status == ProposalStatus::Executing {
            return Err(Refusal::Busy);
        }
        let bound = bound.and_then(Option::as_ref).ok_or(Refusal::Altered)?;
        let stored = self.actions.get(presented.index);
        let stored = stored.filter(|stored| stored.action.digest() == *bound);
        let stored = stored.ok_or(Refusal::Altered)?;
        if presented.action.digest() != *bound {
            return Err(Refusal::Altered);
        }
        // The second holds unless somebody wrote into the storage.
        if *presented.policy != stored.policy
            || self.approvers() < usize::from(presented.policy.approvers)
        {
            return Err(Refusal::PolicyChanged);
        }
        if presented.observed != presented.action.precondition.as_deref() {
            return Err(Refusal::WorldChanged);
        }
        Ok(())
    }

    pub(super) fn usable_token(&self) -> Result<&StoredToken, Refusal> {
        match self.status {
            ProposalStatus::Approved => self.token.as_ref().ok_or(Refusal::NotApproved),
            ProposalStatus::Executing => self.token.as_ref().ok_or(Refusal::Used),
            ProposalStatus::Pending => Err(Refusal::NotApproved),
            ProposalStatus::Denied => Err(Refusal::Denied),
            ProposalStatus::Expired => Err(Refusal::Expired),
            ProposalStatus::Cancelled => Err(Refusal::Cancelled),
            ProposalStatus::Succeeded
            | ProposalStatus::Failed
            | ProposalStatus::Unknown
            | ProposalStatus::Refused => Err(Refusal::Used),
        }
    }
}
