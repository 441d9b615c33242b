//! From a step to an approved action, through the gate.

use opspilot_core::error::chain;
use opspilot_core::safety::gate::{Draft, GateError, Item, ProposalFilter};
use opspilot_core::safety::proposal::{Proposal, ProposalStatus};
use opspilot_core::safety::runbook::{
    Run, RunState, RunStep, RunbookError, StepProposal, StepState,
};
use tracing::warn;

use super::{Driver, Next, RECHECK, number};

/// How many proposals of an incident are looked through for one that was made just before a crash.
const RECENT: usize = 50;

impl Driver {
    /// An executable step whose turn has come: its action is proposed, waits for a decision, or is approved.
    pub(super) async fn await_approval(&self, run: &Run) -> Result<Next, RunbookError> {
        let next = run
            .executable()
            .first()
            .and_then(|index| run.steps.get(*index));
        let Some(step) = next else {
            return self.set_running(run).await;
        };
        let Some(StepProposal { id, index: place }) = &step.proposal else {
            return self.propose(run).await;
        };
        let Some(proposal) = self.gate().get(id).await? else {
            return self.propose_again(run).await;
        };
        match proposal.status {
            ProposalStatus::Pending if run.state == RunState::Running && !run.approves_per_step => {
                let wait = |run: &mut Run, _| {
                    run.state = RunState::AwaitingApproval;
                    Vec::new()
                };
                self.advance(run, wait).await
            }
            ProposalStatus::Pending | ProposalStatus::Executing => {
                self.rest(run, Some(self.clock.now().plus(RECHECK))).await
            }
            ProposalStatus::Approved if run.state == RunState::AwaitingApproval => {
                self.set_running(run).await
            }
            ProposalStatus::Approved => self.start(run, (id, *place)).await,
            _ => self.lost(run, &proposal).await,
        }
    }

    /// A step that was said to begin, and of which the gate has no record.
    pub(super) async fn follow_start(
        &self,
        run: &Run,
        (id, place): (&str, usize),
    ) -> Result<Next, RunbookError> {
        let Some(proposal) = self.gate().get(id).await? else {
            return self.propose_again(run).await;
        };
        match proposal.status {
            ProposalStatus::Approved if !self.is_started(id, place) => {
                self.hand_over(run, (id, place)).await
            }
            ProposalStatus::Approved | ProposalStatus::Executing | ProposalStatus::Pending => {
                self.rest(run, Some(self.clock.now().plus(RECHECK))).await
            }
            _ => self.lost(run, &proposal).await,
        }
    }

    /// The approval is worth nothing any more; what covers the step is proposed again.
    pub(super) async fn propose_again(&self, run: &Run) -> Result<Next, RunbookError> {
        self.advance(run, |run, now| {
            run.needs_proposal(now);
            Vec::new()
        })
        .await
    }

    /// Takes back what nobody needs any more.
    pub(super) async fn withdraw(&self, run: &Run) -> Result<Next, RunbookError> {
        for id in &run.to_withdraw {
            let proposal = self.gate().get(id).await?;
            let is_open = |proposal: &Proposal| {
                matches!(
                    proposal.status,
                    ProposalStatus::Pending | ProposalStatus::Approved
                )
            };
            if !proposal.is_some_and(|proposal| is_open(&proposal)) {
                continue;
            }
            let reason = format!("run {} of the runbook does not need it any more", run.id);
            match self.actions.cancel(id, Some(reason)).await {
                // Somebody was quicker.
                Ok(_) | Err(GateError::Refused(_)) => {}
                Err(GateError::Storage(error)) => return Err(error.into()),
                Err(GateError::Publish(error)) => return Err(error.into()),
                Err(error) => {
                    warn!(run = run.id, error = %chain(&error), "proposal was not taken back");
                }
            }
        }
        self.advance(run, |run, now| {
            run.to_withdraw.clear();
            run.due_at = Some(now);
            Vec::new()
        })
        .await
    }

    async fn set_running(&self, run: &Run) -> Result<Next, RunbookError> {
        self.advance(run, |run, now| {
            run.state = RunState::Running;
            run.due_at = Some(now);
            Vec::new()
        })
        .await
    }

    /// That the step begins is stored first: what the gate has no record of then was never done.
    async fn start(&self, run: &Run, place: (&str, usize)) -> Result<Next, RunbookError> {
        self.advance(run, |run, now| {
            run.begin_step(StepState::Executing, Some(RECHECK), now);
            Vec::new()
        })
        .await?;
        let run = self.runs.get(&run.id).await?;
        self.hand_over(&run, place).await
    }

    async fn hand_over(&self, run: &Run, (id, place): (&str, usize)) -> Result<Next, RunbookError> {
        self.lock().insert((id.to_owned(), place));
        if let Err(error) = self.actions.start(id, place) {
            self.forget(id, place);
            warn!(run = run.id, error = %chain(&error), "approved step was not started");
            if self.cancel.is_cancelled() {
                return Ok(Next::Wait);
            }
            return self.propose_again(run).await;
        }
        Ok(Next::Again)
    }

    /// What becomes of a run whose proposal ended without its step.
    async fn lost(&self, run: &Run, proposal: &Proposal) -> Result<Next, RunbookError> {
        let ended = proposal.ended.as_ref();
        let by = ended.map_or("core", |decision| &decision.by).to_owned();
        let why = ended.and_then(|decision| decision.reason.as_ref());
        let why = why.map(|reason| format!(": {reason}")).unwrap_or_default();
        let was_approved = proposal.approvals.len() >= usize::from(proposal.policy.approvers);
        let is_newer = ended.is_some_and(|decision| run.updated_at > decision.at);
        match proposal.status {
            ProposalStatus::Denied => {
                self.end(run, RunState::Cancelled, format!("denied by {by}{why}"))
                    .await
            }
            ProposalStatus::Cancelled => {
                self.end(
                    run,
                    RunState::Cancelled,
                    format!("the proposal was taken back by {by}{why}"),
                )
                .await
            }
            // Whoever resumed the run after that wants it to be asked again.
            ProposalStatus::Expired if !was_approved && !is_newer => {
                self.end(run, RunState::Failed, "nobody decided in time".into())
                    .await
            }
            ProposalStatus::Refused => {
                let note =
                    format!("the approval does not hold any more{why}: resume to propose it again");
                self.advance(run, move |run, now| {
                    run.needs_proposal(now);
                    run.pause(note, now);
                    Vec::new()
                })
                .await
            }
            _ => self.propose_again(run).await,
        }
    }

    async fn end(&self, run: &Run, state: RunState, note: String) -> Result<Next, RunbookError> {
        self.advance(run, move |run, now| run.end(state, note, now))
            .await
    }

    async fn propose(&self, run: &Run) -> Result<Next, RunbookError> {
        let places = match run.approves_per_step {
            true => run.at_hand().into_iter().collect(),
            false => run.executable(),
        };
        let draft = draft(run, &places);
        let found = self.open_proposal(run, &draft).await?;
        let proposal = match found {
            Some(id) => Ok(id),
            None => self
                .actions
                .propose(draft)
                .await
                .map(|proposal| proposal.id),
        };
        let id = match proposal {
            Ok(id) => id,
            Err(error) => return self.not_proposed(run, error).await,
        };
        let (stored, new) = (run.clone(), id.clone());
        let waits = self.advance(&stored, move |run, now| {
            run.proposed(&places, &new, now);
            run.due_at = Some(now.plus(RECHECK));
            Vec::new()
        });
        let outcome = waits.await;
        if matches!(outcome, Err(RunbookError::NotNow(_))) {
            // Somebody ended or paused the run meanwhile.
            self.actions.cancel(&id, None).await.ok();
        }
        outcome
    }

    /// A proposal for the same that was made before a crash, which the run does not know of.
    async fn open_proposal(
        &self,
        run: &Run,
        draft: &Draft,
    ) -> Result<Option<String>, RunbookError> {
        let filter = ProposalFilter {
            statuses: vec![ProposalStatus::Pending, ProposalStatus::Approved],
            incident: Some(run.incident_id.clone()),
        };
        let (recent, _) = self.gate().list(&filter, None, RECENT).await?;
        let same = |proposal: &Proposal| {
            proposal.requested_by == self.module && proposal.description == draft.description
        };
        let is_used = |id: &str| {
            let mut used = run.steps.iter().filter_map(|step| step.proposal.as_ref());
            used.any(|used| used.id == id)
        };
        let mut open = recent.into_iter().filter(same);
        Ok(open
            .find(|proposal| !is_used(&proposal.id))
            .map(|proposal| proposal.id))
    }

    async fn not_proposed(&self, run: &Run, error: GateError) -> Result<Next, RunbookError> {
        let number = number(run);
        let detail = chain(&error);
        match error {
            GateError::Storage(error) => Err(error.into()),
            GateError::Publish(error) => Err(error.into()),
            GateError::UnknownType(_) | GateError::Arguments { .. } | GateError::Count { .. } => {
                self.end(
                    run,
                    RunState::Failed,
                    format!("step {number} cannot be proposed: {detail}"),
                )
                .await
            }
            _ => {
                let note =
                    format!("step {number} cannot be proposed now: {detail}; resume to try again");
                self.advance(run, move |run, now| {
                    run.pause(note, now);
                    Vec::new()
                })
                .await
            }
        }
    }
}

/// What is proposed for the steps at `places`.
fn draft(run: &Run, places: &[usize]) -> Draft {
    let steps = places.iter().filter_map(|index| run.steps.get(*index));
    let item = |step: &RunStep| {
        let action = step.step.action.clone()?;
        Some(Item {
            action_type: action.action_type,
            arguments: action.arguments,
            from_evidence: Vec::new(),
        })
    };
    let what = match places {
        [index] => {
            let instruction = run
                .steps
                .get(*index)
                .map(|step| step.step.instruction.as_str());
            format!("step {}: {}", index + 1, instruction.unwrap_or_default())
        }
        _ => format!("{} steps", places.len()),
    };
    Draft {
        items: steps.filter_map(item).collect(),
        description: format!("Runbook `{}` ({}), {what}", run.title, run.id),
        reasoning: format!(
            "Started by {} for incident {}",
            run.started_by, run.incident_id
        ),
        incident: Some(run.incident_id.clone()),
        asked_by: Some(run.started_by.clone()),
        held: true,
    }
}
