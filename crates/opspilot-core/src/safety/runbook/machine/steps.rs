//! The life of one step.

use std::time::Duration;

use super::{NotNow, Told, cut};
use crate::clock::Timestamp;
use crate::event::RunbookStepCompleted;
use crate::safety::runbook::record::{Run, RunState, RunStep, StepState};

impl Run {
    /// The step at hand begins, in `state`; there is something to do again after `patience`.
    pub fn begin_step(&mut self, state: StepState, patience: Option<Duration>, now: Timestamp) {
        self.updated_at = now;
        self.due_at = patience.map(|patience| now.plus(patience));
        if let Some(index) = self.at_hand()
            && let Some(step) = self.steps.get_mut(index)
        {
            step.state = state;
            step.started_at.get_or_insert(now);
        }
    }

    /// The step at hand is over. The run ends with its last step, or with a step that must not fail and did.
    ///
    /// `state` is one of those that are final, or `Unknown`, which pauses the run.
    pub fn end_step(
        &mut self,
        state: StepState,
        output: Option<&str>,
        actor: Option<&str>,
        now: Timestamp,
    ) -> Vec<Told> {
        let Some(index) = self.at_hand() else {
            return Vec::new();
        };
        let Some(step) = self.steps.get_mut(index) else {
            return Vec::new();
        };
        let left_out = step
            .proposal
            .clone()
            .filter(|_| state == StepState::Skipped);
        step.state = state;
        step.ended_at = Some(now);
        if let Some(output) = output {
            step.output = Some(cut(output).to_owned());
        }
        step.ended_by = actor.map(str::to_owned);
        let has_failed = state == StepState::Failed && !step.step.may_fail;
        self.to_withdraw
            .extend(left_out.map(|of| of.id).filter(|id| !self.needs(id)));
        let mut told = vec![Told::Step(self.step_over(index))];
        self.updated_at = now;
        self.due_at = self.state.holds_slot().then_some(now);
        if state == StepState::Unknown {
            let note = "the server stopped while the step was under way: look what it did, then skip it, say that it is done, or run it again";
            self.pause(format!("step {}: {note}", index + 1), now);
        } else if has_failed {
            told.extend(self.end(RunState::Failed, format!("step {} failed", index + 1), now));
        } else if self.at_hand().is_none() && !self.state.is_final() {
            told.extend(self.finish(RunState::Completed, None, now));
        }
        told
    }

    /// A person says that a step is done, or approves going on.
    ///
    /// # Errors
    /// When the step is not at hand, or is not for a person to end.
    pub fn complete_step(
        &mut self,
        index: usize,
        (actor, note): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<Vec<Told>, NotNow> {
        let step = self.check_at_hand(index)?;
        if !matches!(step.state, StepState::AwaitingPerson | StepState::Unknown) {
            let state = step.state.as_str();
            return Err(NotNow(format!(
                "step {} is {state}: it is not for a person to end",
                index + 1
            )));
        }
        self.go_on(now);
        Ok(self.end_step(StepState::Completed, note, Some(actor), now))
    }

    /// A person leaves a step out.
    ///
    /// # Errors
    /// When the step is not at hand, or is under way.
    pub fn skip_step(
        &mut self,
        index: usize,
        (actor, note): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<Vec<Told>, NotNow> {
        let step = self.check_at_hand(index)?;
        if step.state == StepState::Executing && step.step.kind.is_executable() {
            return Err(NotNow(format!(
                "step {} is under way: wait until it is over",
                index + 1
            )));
        }
        self.go_on(now);
        Ok(self.end_step(StepState::Skipped, note, Some(actor), now))
    }

    fn check_at_hand(&self, index: usize) -> Result<&RunStep, NotNow> {
        if self.state.is_final() {
            return Err(NotNow(format!("run `{}` is {}", self.id, self.state)));
        }
        match self.at_hand() {
            Some(at_hand) if at_hand == index => {}
            Some(at_hand) => {
                let (wanted, at_hand) = (index + 1, at_hand + 1);
                return Err(NotNow(format!(
                    "step {wanted} is not at hand: step {at_hand} is"
                )));
            }
            None => return Err(NotNow(format!("every step of run `{}` is over", self.id))),
        }
        let missing = || NotNow(format!("run `{}` has no step {}", self.id, index + 1));
        self.steps.get(index).ok_or_else(missing)
    }

    pub(super) fn step_over(&self, index: usize) -> RunbookStepCompleted {
        let step = self.steps.get(index);
        let text = |of: fn(&RunStep) -> &str| step.map(of).unwrap_or_default().to_owned();
        RunbookStepCompleted {
            execution_id: self.id.clone(),
            runbook_id: self.runbook_id.clone(),
            incident_id: self.incident_id.clone(),
            step_index: index as u64,
            instruction: text(|step| &step.step.instruction),
            status: text(|step| step.state.as_str()),
            output: step.and_then(|step| step.output.clone()),
        }
    }
}
