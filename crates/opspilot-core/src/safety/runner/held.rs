//! The approvals that were not used yet, in memory alone.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::error;

use super::{Runner, StartError};
use crate::safety::proposal::Proposal;
use crate::safety::token::ApprovalToken;

/// The most approvals that wait in memory; further ones expire unused.
const APPROVALS: usize = 10_000;

/// An approval that was not used yet.
pub(super) struct Held {
    token: Arc<ApprovalToken>,
    proposer: String,
    /// True if there is one action, so that nothing is left to start after it.
    is_for_one: bool,
    /// The end of its time by a clock that nobody can set back.
    until: Instant,
}

impl Runner {
    pub(super) fn token(
        &self,
        id: &str,
        proposer: &str,
    ) -> Result<(Arc<ApprovalToken>, Instant), StartError> {
        let mut tokens = self.lock();
        let now = Instant::now();
        tokens.retain(|_, held| held.until > now);
        let held = tokens.get(id).ok_or(StartError::NoApproval)?;
        if held.proposer != proposer {
            return Err(StartError::NotTheProposer);
        }
        let found = (Arc::clone(&held.token), held.until);
        if held.is_for_one {
            tokens.remove(id);
        }
        Ok(found)
    }

    pub(super) fn keep_token(&self, proposal: &Proposal, token: ApprovalToken) {
        let mut tokens = self.lock();
        let now = Instant::now();
        tokens.retain(|_, held| held.until > now);
        if tokens.len() >= APPROVALS {
            error!(
                proposal = proposal.id,
                "too many approvals wait; this one is not kept and will expire"
            );
            return;
        }
        tokens.insert(
            proposal.id.clone(),
            Held {
                token: Arc::new(token),
                proposer: proposal.requested_by.clone(),
                is_for_one: proposal.actions.len() == 1,
                until: now + proposal.policy.token_lifetime(),
            },
        );
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
