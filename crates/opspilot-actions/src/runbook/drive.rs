//! The turn of one run: it goes on until it has to wait for time, a person, or an action.

mod approval;
mod check;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opspilot_core::clock::{Clock, Timestamp};
use opspilot_core::error::chain;
use opspilot_core::module::Context;
use opspilot_core::safety::execution::{Execution, ExecutionState};
use opspilot_core::safety::gate::Gate;
use opspilot_core::safety::powers::ModuleActions;
use opspilot_core::safety::runbook::{
    NotNow, Run, RunState, RunStep, RunbookError, RunbookRuns, StepKind, StepProposal, StepState,
    Told,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// After what time a run that waits for an action is looked at although nothing was told.
const RECHECK: Duration = Duration::from_mins(1);

/// How long to wait after the storage did not work.
const RETRY: Duration = Duration::from_secs(5);

/// Carries runs on; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Driver {
    module: &'static str,
    runs: RunbookRuns,
    actions: ModuleActions,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
    /// The actions that this process started and whose end is not known: proposal and place in it.
    started: Arc<Mutex<HashSet<(String, usize)>>>,
}

/// Whether there is more to do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Again,
    Wait,
}

impl Driver {
    pub(super) fn new(cx: &Context) -> Self {
        Self {
            module: cx.id,
            runs: cx.runbooks.clone(),
            actions: cx.actions.clone(),
            clock: Arc::clone(&cx.clock),
            cancel: cx.cancel.clone(),
            started: Arc::default(),
        }
    }

    /// Carries the run `id` on until it has to wait.
    pub(super) async fn drive(&self, id: &str) {
        while !self.cancel.is_cancelled() {
            let outcome = tokio::select! {
                biased;
                // What is half done is found in this state at the next start.
                () = self.cancel.cancelled() => return,
                outcome = self.turn(id) => outcome,
            };
            match outcome {
                Ok(Next::Again) | Err(RunbookError::NotNow(_)) => {}
                Ok(Next::Wait) | Err(RunbookError::NoSuchRun(_)) => return,
                Err(error) => {
                    warn!(run = id, error = %chain(&error), "run cannot go on, trying again");
                    self.pause(RETRY).await;
                }
            }
        }
    }

    async fn turn(&self, id: &str) -> Result<Next, RunbookError> {
        let run = self.runs.get(id).await?;
        if !run.to_withdraw.is_empty() {
            return self.withdraw(&run).await;
        }
        match run.state {
            RunState::AwaitingApproval => self.await_approval(&run).await,
            RunState::Running => self.go_on(&run).await,
            RunState::Paused | RunState::Completed | RunState::Failed | RunState::Cancelled => {
                self.rest(&run, None).await
            }
        }
    }

    async fn go_on(&self, run: &Run) -> Result<Next, RunbookError> {
        let Some(step) = run.step_at_hand() else {
            let end =
                |run: &mut Run, now| run.end(RunState::Completed, "no step is left".into(), now);
            return self.advance(run, end).await;
        };
        match step.state {
            StepState::Pending => self.begin(run, step).await,
            StepState::AwaitingApproval => self.await_approval(run).await,
            StepState::AwaitingPerson => self.await_person(run, step).await,
            StepState::Executing => self.follow(run, step).await,
            StepState::Unknown | StepState::Completed | StepState::Failed | StepState::Skipped => {
                let pause = |run: &mut Run, now| {
                    run.pause("a person has to say how to go on".into(), now);
                    Vec::new()
                };
                self.advance(run, pause).await
            }
        }
    }

    async fn begin(&self, run: &Run, step: &RunStep) -> Result<Next, RunbookError> {
        let state = match step.step.kind {
            StepKind::Command | StepKind::Http => return self.await_approval(run).await,
            StepKind::Manual | StepKind::Approval => StepState::AwaitingPerson,
            StepKind::Wait | StepKind::Check => StepState::Executing,
        };
        self.advance(run, move |run, now| {
            run.begin_step(state, Some(Duration::ZERO), now);
            Vec::new()
        })
        .await
    }

    async fn await_person(&self, run: &Run, step: &RunStep) -> Result<Next, RunbookError> {
        let until = end_of(run, step, step.step.timeout_ms);
        if until > self.clock.now() {
            return self.rest(run, Some(until)).await;
        }
        let number = number(run);
        self.advance(run, move |run, now| {
            run.pause(
                format!(
                    "nobody did step {number} in time: do it, skip it, or resume to wait again"
                ),
                now,
            );
            Vec::new()
        })
        .await
    }

    /// A step that is under way.
    async fn follow(&self, run: &Run, step: &RunStep) -> Result<Next, RunbookError> {
        match step.step.kind {
            StepKind::Wait => {
                let until = end_of(run, step, step.step.wait_ms);
                if until > self.clock.now() {
                    return self.rest(run, Some(until)).await;
                }
                self.end_step(run, StepState::Completed, None).await
            }
            StepKind::Check => self.check(run, step).await,
            StepKind::Command | StepKind::Http | StepKind::Manual | StepKind::Approval => {
                self.follow_action(run, step).await
            }
        }
    }

    async fn follow_action(&self, run: &Run, step: &RunStep) -> Result<Next, RunbookError> {
        let Some(StepProposal {
            id: proposal,
            index: place,
        }) = &step.proposal
        else {
            return self.propose_again(run).await;
        };
        let Some(execution) = self.execution(proposal, *place).await? else {
            return self.follow_start(run, (proposal, *place)).await;
        };
        let state = match execution.state {
            ExecutionState::Running | ExecutionState::Verifying => {
                return self.await_action(run, step).await;
            }
            ExecutionState::Succeeded => StepState::Completed,
            ExecutionState::Failed => StepState::Failed,
            ExecutionState::Unknown => StepState::Unknown,
        };
        self.forget(proposal, *place);
        self.end_step(run, state, Some(report(&execution))).await
    }

    async fn await_action(&self, run: &Run, step: &RunStep) -> Result<Next, RunbookError> {
        let until = end_of(run, step, step.step.timeout_ms);
        let now = self.clock.now();
        if until > now {
            return self.rest(run, Some(until.min(now.plus(RECHECK)))).await;
        }
        let number = number(run);
        self.advance(run, move |run, now| {
            run.pause(
                format!("step {number} takes longer than it may: resume when it is over"),
                now,
            );
            Vec::new()
        })
        .await
    }

    async fn execution(
        &self,
        proposal: &str,
        place: usize,
    ) -> Result<Option<Execution>, RunbookError> {
        let (executions, _) = self.gate().executions(Some(proposal), None, 100).await?;
        Ok(executions
            .into_iter()
            .find(|execution| execution.index == place))
    }

    async fn end_step(
        &self,
        run: &Run,
        state: StepState,
        output: Option<String>,
    ) -> Result<Next, RunbookError> {
        self.advance(run, move |run, now| {
            run.end_step(state, output.as_deref(), None, now)
        })
        .await
    }

    /// Changes the run if it is as it was read.
    async fn advance(
        &self,
        run: &Run,
        change: impl FnOnce(&mut Run, Timestamp) -> Vec<Told> + Send + 'static,
    ) -> Result<Next, RunbookError> {
        let seen = run.clone();
        self.runs
            .advance(&run.id, self.module, move |run, now| {
                if *run != seen {
                    return Err(NotNow(format!("run `{}` was changed meanwhile", run.id)));
                }
                Ok(change(run, now))
            })
            .await?;
        Ok(Next::Again)
    }

    /// Leaves the run alone until `until`, or until something is told.
    async fn rest(&self, run: &Run, until: Option<Timestamp>) -> Result<Next, RunbookError> {
        let now = self.clock.now();
        let is_set = match (run.due_at, until) {
            (None, None) => true,
            (Some(due), Some(until)) => now < due && due <= until,
            _ => false,
        };
        if !is_set {
            self.advance(run, move |run, _| {
                run.due_at = until;
                Vec::new()
            })
            .await?;
        }
        Ok(Next::Wait)
    }

    async fn pause(&self, length: Duration) {
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = tokio::time::sleep(length) => {}
        }
    }

    fn gate(&self) -> &Gate {
        self.actions.gate()
    }

    fn is_started(&self, proposal: &str, place: usize) -> bool {
        self.lock().contains(&(proposal.to_owned(), place))
    }

    fn forget(&self, proposal: &str, place: usize) {
        self.lock().remove(&(proposal.to_owned(), place));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<(String, usize)>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a step that takes `millis` ends.
fn end_of(run: &Run, step: &RunStep, millis: u64) -> Timestamp {
    step.started_at
        .unwrap_or(run.updated_at)
        .plus(Duration::from_millis(millis))
}

/// The number of the step at hand, from 1.
fn number(run: &Run) -> usize {
    run.at_hand().map_or(run.steps.len(), |index| index + 1)
}

/// What an execution printed and found, for the step.
fn report(execution: &Execution) -> String {
    let outcome = execution.outcome.as_ref();
    let verdict = execution.verdict.as_ref();
    let lines = [
        outcome.map(|outcome| outcome.summary.as_str()),
        verdict.map(|verdict| verdict.detail.as_str()),
        outcome.map(|outcome| outcome.output.as_str()),
    ];
    let lines: Vec<_> = lines
        .into_iter()
        .flatten()
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}
