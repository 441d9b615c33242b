//! A step that looks whether something holds, and changes nothing.

use std::time::Duration;

use opspilot_core::safety::action::Action;
use opspilot_core::safety::catalogue::Verdict;
use opspilot_core::safety::runbook::{Run, RunStep, RunbookError, StepAction, StepState};

use super::{Driver, Next, end_of};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long lies between two looks.
const PAUSE: Duration = Duration::from_secs(5);

impl Driver {
    /// Looks once. What does not hold yet is looked at again after a pause, until the time of the step is over.
    pub(super) async fn check(&self, run: &Run, step: &RunStep) -> Result<Next, RunbookError> {
        let looked = match &step.step.action {
            Some(action) => self.look(run, action).await,
            None => Err("it names no action of the catalogue".to_owned()),
        };
        match looked {
            Ok(verdict) if verdict.passed => {
                self.end_step(run, StepState::Completed, Some(verdict.detail))
                    .await
            }
            Ok(verdict) => {
                if self.clock.now() >= end_of(run, step, step.step.timeout_ms) {
                    return self
                        .end_step(run, StepState::Failed, Some(verdict.detail))
                        .await;
                }
                self.pause(PAUSE).await;
                Ok(Next::Again)
            }
            Err(fault) => self.end_step(run, StepState::Failed, Some(fault)).await,
        }
    }

    async fn look(&self, run: &Run, named: &StepAction) -> Result<Verdict, String> {
        let name = &named.action_type;
        let action_type = self.gate().catalogue().get(name);
        let action_type = action_type
            .ok_or_else(|| format!("there is no type of action `{name}` in the catalogue"))?;
        let plan = action_type
            .plan(&named.arguments)
            .map_err(|error| error.to_string())?;
        let action = Action {
            executor: action_type.executor().to_owned(),
            action_type: name.clone(),
            target: plan.target,
            arguments: named.arguments.clone(),
            recipe: action_type.recipe(),
            precondition: None,
        };
        let verdict = action_type.verify(&action, Some(&run.incident_id));
        let late = |_| {
            Some(Verdict {
                passed: false,
                detail: format!("no answer within {} s", PATIENCE.as_secs()),
            })
        };
        let verdict = tokio::time::timeout(PATIENCE, verdict)
            .await
            .unwrap_or_else(late);
        verdict.ok_or_else(|| format!("`{name}` has no post-condition that could be looked at"))
    }
}
