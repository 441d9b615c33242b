//! What happens without anybody's doing: proposals expire, and a crash leaves executions that nobody knows the end of.

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::deeds::expired;
use super::redeeming::{CORE, Ending};
use super::{Books, Gate, GateError};
use crate::bus::{Tx, Work};
use crate::error::chain;
use crate::safety::execution::ExecutionState;
use crate::safety::proposal::{Proposal, ProposalStatus};
use crate::storage::{Query, StorageError};

/// How many proposals expire in one transaction.
const PAGE: usize = 100;

/// How long to wait after the storage did not work.
const RETRY: Duration = Duration::from_secs(5);

/// The longest sleep, so that a clock that was set is noticed.
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
                self.finish(&execution.id, ending).await?;
            }
        }
        loop {
            let approved = vec![vec![ProposalStatus::Approved.as_str().to_owned()]];
            let query = Query::by_index("recent", approved, PAGE);
            let (mut lost, _) = books.proposals.query(&query).await?;
            lost.retain(|proposal| proposal.token.is_some());
            if lost.is_empty() {
                return Ok(());
            }
            self.expire(lost, Why::TokenLost).await?;
        }
    }

    /// Expires what is due until `cancel`; sleeps in between.
    pub(in crate::safety) async fn keep(&self, cancel: CancellationToken) {
        loop {
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
