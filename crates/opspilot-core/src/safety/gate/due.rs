//! What happens without anybody's doing: proposals expire, and a crash leaves executions that nobody knows the end of.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::deeds::expired;
use super::redeeming::{CORE, Ending};
use super::{Books, Gate, GateError};
use crate::bus::{Tx, Work};
use crate::error::chain;
use crate::safety::execution::ExecutionState;
use crate::safety::proposal::{Proposal, ProposalStatus};
use crate::storage::{Query, StorageError};

/// How many proposals that are over are kept, with their executions; the oldest go first.
const KEPT: u64 = 10_000;

/// How many proposals expire or are removed in one transaction.
const PAGE: usize = 100;

/// How long to wait after the storage did not work.
const RETRY: Duration = Duration::from_secs(5);

/// The longest sleep, so that a clock that was set is noticed, and the time between two looks for old proposals.
const NAP: Duration = Duration::from_mins(10);

impl Gate {
    /// Puts the record right after a crash: executions without an end become unknown, and approvals whose token was lost
    /// with the memory of the last process expire. Call it before anything is executed.
    ///
    /// # Errors
    /// When the storage does not work.
    pub(in crate::safety) async fn recover(&self) -> Result<(), GateError> {
        let books = &self.0.books;
        loop {
            let query = Query::by_index("open", vec![Vec::new()], PAGE);
            let (open, _) = books.executions.query(&query).await?;
            if open.is_empty() {
                break;
            }
            for execution in open {
                let ending = Ending {
                    state: ExecutionState::Unknown,
                    outcome: None,
                    verdict: None,
                    remark: Some("the server ended before the end was known; look at the target, and propose it again if it is needed".into()),
                };
                match self.finish(&execution.id, ending).await {
                    // The execution is over, and its proposal is gone.
                    Ok(_) | Err(GateError::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let mut after = None;
        loop {
            let approved = vec![vec![ProposalStatus::Approved.as_str().to_owned()]];
            let query = Query::by_index("recent", approved, PAGE).after(after);
            let (mut lost, next) = books.proposals.query(&query).await?;
            lost.retain(|proposal| proposal.token.is_some());
            self.expire(lost, Why::TokenLost).await?;
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }

    /// Expires what is due and removes what is old until `cancel`; sleeps in between.
    pub(in crate::safety) async fn keep(&self, cancel: CancellationToken) {
        let mut tidy_at = Instant::now();
        loop {
            if tidy_at <= Instant::now() {
                tidy_at = Instant::now() + NAP;
                if let Err(error) = self.prune(KEPT).await {
                    warn!(error = %chain(&error), "old proposals could not be removed, trying again");
                }
            }
            let nap = match self.expire_due().await {
                Ok(nap) => nap,
                Err(error) => {
                    warn!(error = %chain(&error), "proposals could not be expired, trying again");
                    RETRY
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.0.waiting.notified() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Removes proposals that are over, with their executions, but for the newest `kept`. What was decided and done stays
    /// in the audit log.
    pub(super) async fn prune(&self, kept: u64) -> Result<(), GateError> {
        let all = self.0.books.proposals.count().await?;
        if all <= kept {
            return Ok(());
        }
        let open = self.count_open().await?;
        let mut excess = all.saturating_sub(open).saturating_sub(kept);
        while excess > 0 {
            let limit = usize::try_from(excess).unwrap_or(PAGE).min(PAGE);
            let oldest = Query::by_index("recent", prefixes(|status| !status.is_open()), limit);
            let (oldest, _) = self.0.books.proposals.query(&oldest).await?;
            if oldest.is_empty() {
                break;
            }
            excess = excess.saturating_sub(oldest.len() as u64);
            info!(count = oldest.len(), "old proposals removed");
            self.remove(oldest).await?;
        }
        Ok(())
    }

    async fn count_open(&self) -> Result<u64, StorageError> {
        let (mut open, mut after) = (0, None);
        loop {
            let query = Query::by_index("recent", prefixes(ProposalStatus::is_open), PAGE);
            let (page, next) = self.0.books.proposals.query(&query.after(after)).await?;
            open += page.len() as u64;
            if next.is_none() {
                return Ok(open);
            }
            after = next;
        }
    }

    async fn remove(&self, proposals: Vec<Proposal>) -> Result<(), GateError> {
        let proposals: Vec<_> = proposals.into_iter().map(|proposal| proposal.id).collect();
        let (mut executions, mut after) = (Vec::new(), None);
        loop {
            let of = proposals.iter().map(|id| vec![id.clone()]).collect();
            let query = Query::by_index("proposal", of, PAGE).after(after);
            let (page, next) = self.0.books.executions.query(&query).await?;
            executions.extend(page.into_iter().map(|execution| execution.id));
            if next.is_none() {
                break;
            }
            after = next;
        }
        let work = Remove {
            books: self.0.books.clone(),
            proposals,
            executions,
        };
        self.0.bus.transact(CORE, work).await?;
        Ok(())
    }

    /// Expires what is due; returns how long nothing will be.
    pub(super) async fn expire_due(&self) -> Result<Duration, GateError> {
        loop {
            let query = Query::by_index("due", vec![Vec::new()], PAGE);
            let (mut next, _) = self.0.books.proposals.query(&query).await?;
            let now = self.0.clock.now();
            let first = next.first().map(|proposal| proposal.expires_at);
            next.retain(|proposal| proposal.expires_at <= now);
            if next.is_empty() {
                return Ok(first.map_or(NAP, |first| {
                    first.since(now).clamp(Duration::from_millis(1), NAP)
                }));
            }
            self.expire(next, Why::TimeIsOver).await?;
        }
    }

    async fn expire(&self, proposals: Vec<Proposal>, why: Why) -> Result<(), GateError> {
        let work = Expire {
            books: self.0.books.clone(),
            ids: proposals.into_iter().map(|proposal| proposal.id).collect(),
            why,
        };
        Ok(self.0.bus.transact(CORE, work).await??)
    }
}

fn prefixes(of: fn(ProposalStatus) -> bool) -> Vec<Vec<String>> {
    let statuses = ProposalStatus::ALL.into_iter().filter(|status| of(*status));
    statuses
        .map(|status| vec![status.as_str().to_owned()])
        .collect()
}

struct Remove {
    books: Books,
    proposals: Vec<String>,
    executions: Vec<String>,
}

#[async_trait]
impl Work for Remove {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        for id in &self.proposals {
            tx.delete(&self.books.proposals, id);
        }
        for id in &self.executions {
            tx.delete(&self.books.executions, id);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    TimeIsOver,
    TokenLost,
}

struct Expire {
    books: Books,
    ids: Vec<String>,
    why: Why,
}

#[async_trait]
impl Work for Expire {
    type Output = Result<(), StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let now = tx.now();
        for id in self.ids {
            let Some(mut proposal) = tx.get(&self.books.proposals, &id).await? else {
                continue;
            };
            let ends = match self.why {
                Why::TimeIsOver => proposal.expire(now),
                Why::TokenLost => proposal.lose_token(now),
            };
            if ends {
                expired(&self.books, tx, &proposal).await?;
            }
        }
        Ok(())
    }
}
