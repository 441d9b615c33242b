//! How a run comes from step to step. Everything here is a pure function of the time; who calls it writes the run and
//! publishes what it tells in one transaction.

mod steps;

use std::collections::BTreeSet;

use super::record::{Run, RunState, RunStep, Runbook, Step, StepKind, StepProposal, StepState};
use crate::clock::Timestamp;
use crate::event::{RunbookCompleted, RunbookStarted, RunbookStepCompleted};
use crate::incident::IncidentId;

/// How much of a step's output is kept, in bytes.
const OUTPUT_LIMIT: usize = 16 << 10;

/// An event that a change leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The run was started.
    Started(RunbookStarted),
    /// A step is over.
    Step(RunbookStepCompleted),
    /// The run is over.
    Done(RunbookCompleted),
}

/// A change that does not fit how far the run has come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotNow(pub String);

impl Run {
    /// A run of `runbook` for an incident. `approves_per_step` says whether each executable step is approved for itself.
    #[must_use]
    pub fn start(
        id: String,
        (runbook, approves_per_step): (&Runbook, bool),
        (incident, actor): (&IncidentId, &str),
        now: Timestamp,
    ) -> (Self, Told) {
        let has_executable = runbook.steps.iter().any(|step| step.kind.is_executable());
        let state = if has_executable && !approves_per_step {
            RunState::AwaitingApproval
        } else {
            RunState::Running
        };
        let run = Self {
            id,
            runbook_id: runbook.id.clone(),
            title: runbook.title.clone(),
            incident_id: incident.clone(),
            state,
            note: None,
            steps: runbook
                .steps
                .iter()
                .cloned()
                .map(RunStep::pending)
                .collect(),
            approves_per_step,
            to_withdraw: Vec::new(),
            started_by: actor.to_owned(),
            started_at: now,
            updated_at: now,
            ended_at: None,
            // Whoever carries runs out looks at it at once.
            due_at: Some(now),
        };
        let started = Told::Started(RunbookStarted {
            execution_id: run.id.clone(),
            runbook_id: run.runbook_id.clone(),
            runbook_title: run.title.clone(),
            incident_id: run.incident_id.clone(),
            total_steps: run.steps.len() as u64,
            started_by: run.started_by.clone(),
        });
        (run, started)
    }

    /// The place of the step that is at hand; `None` when all are over.
    #[must_use]
    pub fn at_hand(&self) -> Option<usize> {
        self.steps.iter().position(|step| !step.state.is_final())
    }

    /// The step that is at hand.
    #[must_use]
    pub fn step_at_hand(&self) -> Option<&RunStep> {
        self.at_hand().and_then(|index| self.steps.get(index))
    }

    /// The places of the executable steps that are not over.
    #[must_use]
    pub fn executable(&self) -> Vec<usize> {
        let steps = self.steps.iter().enumerate();
        let left = steps.filter(|(_, step)| step.needs_approval());
        left.map(|(index, _)| index).collect()
    }

    /// The actions of the steps at `places` were proposed, in this order, and wait for an approval.
    pub fn proposed(&mut self, places: &[usize], proposal: &str, now: Timestamp) {
        for (action, index) in places.iter().enumerate() {
            if let Some(step) = self.steps.get_mut(*index) {
                step.proposal = Some(StepProposal {
                    id: proposal.to_owned(),
                    index: action,
                });
            }
        }
        self.updated_at = now;
        if !self.approves_per_step {
            self.state = RunState::AwaitingApproval;
        } else if let Some(index) = self.at_hand()
            && let Some(step) = self.steps.get_mut(index)
        {
            step.state = StepState::AwaitingApproval;
        }
    }

    /// The approval of the step at hand is worth nothing any more: whatever it covers has to be proposed again.
    pub fn needs_proposal(&mut self, now: Timestamp) {
        let lost = self.step_at_hand().and_then(|step| step.proposal.clone());
        for step in self.steps.iter_mut().filter(|step| step.needs_approval()) {
            if lost.is_some()
                && step.proposal.as_ref().map(|of| &of.id) == lost.as_ref().map(|of| &of.id)
            {
                *step = RunStep::pending(step.step.clone());
            }
        }
        self.updated_at = now;
        self.due_at = Some(now);
    }

    /// The run ends before its last step, because of `note`.
    pub fn end(&mut self, state: RunState, note: String, now: Timestamp) -> Vec<Told> {
        if self.state.is_final() {
            return Vec::new();
        }
        self.finish(state, Some(note), now)
    }

    /// The run waits for a person, because of `note`.
    pub fn pause(&mut self, note: String, now: Timestamp) {
        if self.state.is_final() {
            return;
        }
        self.state = RunState::Paused;
        self.note = Some(note);
        self.updated_at = now;
        self.due_at = None;
    }

    /// A person lets a paused run go on. A step whose outcome is unknown, or that nobody did in time, begins again.
    ///
    /// # Errors
    /// When the run is not paused.
    pub fn resume(&mut self, now: Timestamp) -> Result<(), NotNow> {
        if self.state != RunState::Paused {
            return Err(NotNow(format!(
                "run `{}` is {}, not paused",
                self.id, self.state
            )));
        }
        if let Some(index) = self.at_hand()
            && let Some(step) = self.steps.get_mut(index)
            && matches!(step.state, StepState::Unknown | StepState::AwaitingPerson)
        {
            *step = RunStep::pending(step.step.clone());
        }
        self.go_on(now);
        Ok(())
    }

    /// True if a step that is not over has its action in `proposal`.
    fn needs(&self, proposal: &str) -> bool {
        let mut left = self.steps.iter().filter(|step| step.needs_approval());
        left.any(|step| step.proposal.as_ref().is_some_and(|of| of.id == proposal))
    }

    /// The run is no longer paused.
    fn go_on(&mut self, now: Timestamp) {
        if self.state == RunState::Paused {
            self.state = RunState::Running;
        }
        self.note = None;
        self.updated_at = now;
        self.due_at = Some(now);
    }

    fn finish(&mut self, state: RunState, note: Option<String>, now: Timestamp) -> Vec<Told> {
        self.state = state;
        self.note.clone_from(&note);
        self.updated_at = now;
        self.ended_at = Some(now);
        let unused = self.steps.iter().filter(|step| !step.state.is_final());
        let unused: BTreeSet<_> = unused
            .filter_map(|step| Some(step.proposal.as_ref()?.id.clone()))
            .collect();
        self.to_withdraw.extend(unused);
        self.due_at = (!self.to_withdraw.is_empty()).then_some(now);
        let count = |wanted| {
            self.steps
                .iter()
                .filter(|step| step.state == wanted)
                .count() as u64
        };
        let duration = now.since(self.started_at).as_millis();
        vec![Told::Done(RunbookCompleted {
            execution_id: self.id.clone(),
            runbook_id: self.runbook_id.clone(),
            runbook_title: self.title.clone(),
            incident_id: self.incident_id.clone(),
            status: state.as_str().to_owned(),
            total_steps: self.steps.len() as u64,
            completed_steps: count(StepState::Completed),
            failed_steps: count(StepState::Failed),
            duration_ms: u64::try_from(duration).unwrap_or(u64::MAX),
            reason: note,
        })]
    }
}

impl RunStep {
    fn pending(step: Step) -> Self {
        Self {
            step,
            state: StepState::Pending,
            proposal: None,
            started_at: None,
            ended_at: None,
            output: None,
            ended_by: None,
        }
    }

    /// True if it changes something and is not over.
    fn needs_approval(&self) -> bool {
        self.step.kind.is_executable() && !self.state.is_final()
    }
}

impl Step {
    /// True if only a person, not a program, may end it.
    #[must_use]
    pub const fn asks_a_person(&self) -> bool {
        matches!(self.kind, StepKind::Approval)
    }
}

/// The first [`OUTPUT_LIMIT`] bytes, cut between characters.
fn cut(output: &str) -> &str {
    output
        .get(..output.floor_char_boundary(OUTPUT_LIMIT))
        .unwrap_or_default()
}
