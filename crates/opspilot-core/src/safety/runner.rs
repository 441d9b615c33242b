//! Carries approved actions out: the only caller of executors.
//!
//! It keeps the tokens of approvals in memory until they are used or too old. An action that was approved starts at once,
//! unless its proposer holds it: then the proposer says when. At most [`PARALLEL`] actions run at a
//! time; the others wait, and expire with their approval.

mod held;

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use self::held::Held;
use super::action::Approved;
use super::catalogue::{ActionType, Outcome};
use super::execution::{Execution, ExecutionState};
use super::gate::{Decided, Draft, Ending, Gate, GateError, Item, Said, Verb};
use super::identity::Identity;
use super::proposal::Proposal;
use super::token::ApprovalToken;
use crate::error::chain;

/// How many actions run at a time.
pub const PARALLEL: usize = 8;

/// Who proposes what undoes a failed action.
const COMPENSATION: &str = "action.compensation";

/// Carries approved actions out; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(crate) struct Runner(Arc<Inner>);

struct Inner {
    gate: Gate,
    tokens: Mutex<HashMap<String, Held>>,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

/// Why an action was not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no approval for it in this process: it was not approved, was used up, is too old, or was given before
    /// the server was started again.
    #[error("there is no approval for it; it has to be proposed again")]
    NoApproval,
    /// Somebody else proposed it.
    #[error("only its proposer may start it")]
    NotTheProposer,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl Runner {
    /// A runner behind `gate`, after the record was put right.
    ///
    /// # Errors
    /// When the storage does not work.
    pub(crate) async fn start_up(gate: Gate) -> Result<Self, GateError> {
        gate.recover().await?;
        Ok(Self(Arc::new(Inner {
            gate,
            tokens: Mutex::default(),
            permits: Arc::new(Semaphore::new(PARALLEL)),
            tasks: TaskTracker::new(),
            cancel: CancellationToken::new(),
        })))
    }

    /// Lets proposals expire until [`Runner::stop`]; the runtime drives it.
    pub(crate) async fn keep(&self) {
        self.0.gate.keep(self.0.cancel.clone()).await;
    }

    /// Decides the proposal `id` on behalf of `by`; once enough people approved it, it is done, or waits for its
    /// proposer if it is held.
    ///
    /// # Errors
    /// [`GateError::Refused`] with its reason, which is audited; or when nothing can be stored.
    ///
    /// # Cancel safety
    /// When the future is dropped, the decision is stored and carried out all the same.
    pub(super) async fn decide(
        &self,
        id: &str,
        verb: Verb,
        by: &Identity,
        said: Said,
    ) -> Result<Proposal, GateError> {
        let (runner, id, by) = (self.clone(), id.to_owned(), by.clone());
        let decision = async move { runner.decide_whole(&id, verb, &by, said).await };
        match self.0.tasks.spawn(decision).await {
            Ok(decided) => decided,
            // A panic goes on; nobody aborts the task but a runtime that ends.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn decide_whole(
        &self,
        id: &str,
        verb: Verb,
        by: &Identity,
        said: Said,
    ) -> Result<Proposal, GateError> {
        let Decided { proposal, token } = self.0.gate.decide(id, verb, by, said).await?;
        let Some(token) = token else {
            self.lock().remove(id);
            return Ok(proposal);
        };
        let is_manual = proposal.is_manual();
        if !is_manual {
            self.keep_token(&proposal, token);
        }
        if !proposal.held && !is_manual {
            // It was kept in this very moment: only a stop can come between.
            self.start(id, 0, &proposal.requested_by).ok();
        }
        Ok(proposal)
    }

    /// Starts action `index` of the approved proposal `id` on behalf of its proposer; the end is told by
    /// `action.executed`, a refusal by `action.withdrawn`.
    ///
    /// # Errors
    /// When there is no approval, the caller is not the proposer, or the server is stopping.
    pub(super) fn start(&self, id: &str, index: usize, proposer: &str) -> Result<(), StartError> {
        if self.0.cancel.is_cancelled() {
            return Err(StartError::Stopping);
        }
        let (token, until) = self.token(id, proposer)?;
        let (runner, id) = (self.clone(), id.to_owned());
        self.0
            .tasks
            .spawn(async move { runner.run(&id, index, (&token, until)).await });
        Ok(())
    }

    /// Starts nothing any more, and waits for what runs, at most `patience`. What is left is unknown at the next start.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.0.cancel.cancel();
        self.lock().clear();
        self.0.tasks.close();
        if tokio::time::timeout(patience, self.0.tasks.wait())
            .await
            .is_err()
        {
            let left = self.0.tasks.len();
            warn!(
                left,
                "actions were still running at the stop; they are shown as unknown"
            );
        }
    }

    async fn run(&self, id: &str, index: usize, (token, until): (&ApprovalToken, Instant)) {
        let permit = tokio::select! {
            () = self.0.cancel.cancelled() => return,
            permit = Arc::clone(&self.0.permits).acquire_owned() => permit,
        };
        if until <= Instant::now() {
            // By the clock of the day it may live on, if that was set back; then it expires unused.
            warn!(
                proposal = id,
                "approved action was not executed: it waited for too long"
            );
            return;
        }
        match self.0.gate.redeem(id, index, token).await {
            Ok(approved) => self.see_through(approved).await,
            Err(error) => {
                warn!(proposal = id, error = %chain(&error), "approved action was not executed");
            }
        }
        drop(permit);
    }

    /// Carries an action out. Where the executor breaks off, nobody knows what it did.
    async fn see_through(&self, approved: Approved) {
        let execution = approved.execution().to_owned();
        let done = AssertUnwindSafe(self.carry_out(approved)).catch_unwind();
        if done.await.is_err() {
            error!(execution, "the executor broke off");
            let unknown = Ending {
                state: ExecutionState::Unknown,
                outcome: None,
                verdict: None,
                remark: Some("the executor broke off; look at the target, and propose it again if it is needed".into()),
            };
            self.end(&execution, unknown).await;
        }
    }

    async fn carry_out(&self, approved: Approved) {
        let execution = approved.execution().to_owned();
        let name = approved.action().action_type.clone();
        let Some(action_type) = self.0.gate.catalogue().get(&name) else {
            let gone = failure("the type of action left the catalogue");
            self.end(&execution, ending(gone, None)).await;
            return;
        };
        let (action, incident) = (approved.action().clone(), approved.incident().cloned());
        info!(
            execution,
            action_type = name,
            target = action.target,
            "executing"
        );
        let outcome = action_type.execute(approved).await;
        if !outcome.succeeded {
            let finished = self.end(&execution, ending(outcome, None)).await;
            self.compensate(&*action_type, finished).await;
            return;
        }
        if let Err(error) = self.0.gate.verifying(&execution, outcome.clone()).await {
            error!(execution, error = %chain(&error), "the outcome could not be stored");
        }
        let verdict = tokio::select! {
            () = self.0.cancel.cancelled() => return,
            verdict = action_type.verify(&action, incident.as_ref()) => verdict,
        };
        let finished = self.end(&execution, ending(outcome, verdict)).await;
        self.compensate(&*action_type, finished).await;
    }

    async fn end(&self, execution: &str, ending: Ending) -> Option<Execution> {
        match self.0.gate.finish(execution, ending).await {
            Ok(finished) => {
                info!(execution, state = finished.state.as_str(), "executed");
                Some(finished)
            }
            Err(error) => {
                error!(execution, error = %chain(&error), "how the action ended could not be stored; it is shown as unknown");
                None
            }
        }
    }

    /// Proposes what undoes a failed action; a person decides that as well.
    async fn compensate(&self, action_type: &dyn ActionType, finished: Option<Execution>) {
        let Some(finished) = finished.filter(|found| found.state == ExecutionState::Failed) else {
            return;
        };
        let Some((name, arguments)) = action_type.compensation(&finished.action.arguments) else {
            return;
        };
        let failed = &finished.action.action_type;
        let asked_by = match self.0.gate.get(&finished.proposal_id).await {
            Ok(found) => found.map(|failed| failed.asked_by.unwrap_or(failed.requested_by)),
            Err(error) => {
                error!(execution = finished.id, error = %chain(&error), "the compensation could not be proposed");
                return;
            }
        };
        let draft = Draft {
            items: vec![Item {
                action_type: name,
                arguments,
                from_evidence: Vec::new(),
            }],
            description: format!("Undo `{failed}`, which did not help"),
            reasoning: format!("Execution {} of `{failed}` failed", finished.id),
            incident: finished.incident_id.clone(),
            asked_by,
            held: false,
        };
        if let Err(error) = self.0.gate.propose(draft, COMPENSATION).await {
            error!(execution = finished.id, error = %chain(&error), "the compensation could not be proposed");
        }
    }
}

fn failure(summary: &str) -> Outcome {
    Outcome {
        succeeded: false,
        summary: summary.to_owned(),
        output: String::new(),
        truncated: false,
    }
}

fn ending(outcome: Outcome, verdict: Option<super::catalogue::Verdict>) -> Ending {
    let helped = outcome.succeeded && verdict.as_ref().is_none_or(|verdict| verdict.passed);
    Ending {
        state: if helped {
            ExecutionState::Succeeded
        } else {
            ExecutionState::Failed
        },
        outcome: Some(outcome),
        verdict,
        remark: None,
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("running", &self.tasks.len())
            .finish_non_exhaustive()
    }
}
