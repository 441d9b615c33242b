//! `action.runbook`: carries out the steps of runbooks, and asks people for all that they must decide.
//!
//! An incident that a runbook matches starts a run of the one that matches best. A step that changes something is an
//! action of the catalogue and passes the gate: nothing is done that a person has not approved. A run is stored after
//! every step; what was under way when the server stopped is unknown, and a person says how to go on.

mod config;
mod drive;
mod engine;
mod matching;
#[cfg(test)]
mod tests;
mod totals;
mod trigger;

use async_trait::async_trait;
use opspilot_core::bus::Consumer;
use opspilot_core::event::{
    ActionApproved, ActionDenied, ActionExecuted, ActionWithdrawn, EnrichmentCompleted, Event as _,
    IncidentCreated, RunbookCompleted, RunbookStarted, RunbookStepCompleted,
};
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
use opspilot_core::safety::runbook::Runbooks;

pub use config::{
    ActionStep, CheckStep, Config, MatchConfig, PersonStep, RunbookConfig, StepConfig, WaitStep,
};

use self::engine::Engine;
use self::matching::Choice;
use self::trigger::Trigger;

pub(crate) const RUNS: MetricSpec = MetricSpec::counter(
    "opspilot_runbook_runs_total",
    &["status"],
    "Runs of runbooks, by status: started, completed, failed or cancelled.",
);
pub(crate) const STEPS: MetricSpec = MetricSpec::counter(
    "opspilot_runbook_steps_total",
    &["status"],
    "Steps of runbooks that are over, by status: completed, failed, skipped or unknown.",
);
pub(crate) const NOT_STARTED: MetricSpec = MetricSpec::counter(
    "opspilot_runbooks_not_started_total",
    &[],
    "Runbooks that matched an incident and were not started, because `maxConcurrentRunbooks` went on.",
);

/// Carries out runbooks.
#[derive(Debug)]
pub struct Runbook {
    choice: Choice,
    runbooks: Runbooks,
    settings: Settings,
    ready: Option<(Consumer, Consumer)>,
}

/// What holds for all runs.
#[derive(Debug, Clone, Copy)]
struct Settings {
    max_history: u64,
    cooldown: std::time::Duration,
}

#[async_trait]
impl Module for Runbook {
    const MANIFEST: Manifest = Manifest {
        dependencies: &["enricher.incidentStore"],
        consumes: &[
            "incident.created",
            "enrichment.completed",
            "action.approved",
            "action.denied",
            "action.executed",
            "action.withdrawn",
            "runbook.started",
            "runbook.stepCompleted",
            "runbook.completed",
        ],
        emits: &[
            "action.proposed",
            "runbook.started",
            "runbook.stepCompleted",
            "runbook.completed",
        ],
        metrics: &[RUNS, STEPS, NOT_STARTED],
        ..Manifest::new(
            "action.runbook",
            Category::Action,
            "Carries out the steps of runbooks, with an approval for all that changes something.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let (choice, all) = config::check(&config)?;
        Ok(Self {
            choice,
            runbooks: Runbooks {
                all,
                approves_per_step: config.require_approval_per_step,
                max_active: config.max_concurrent_runbooks,
            },
            settings: config.settings(),
            ready: None,
        })
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.runbooks.offer(self.runbooks.clone());
        let kinds = [IncidentCreated::TYPE, EnrichmentCompleted::TYPE];
        let triggers = cx.bus.consumer("triggers", &kinds).await?;
        let kinds = [
            ActionApproved::TYPE,
            ActionDenied::TYPE,
            ActionExecuted::TYPE,
            ActionWithdrawn::TYPE,
            RunbookStarted::TYPE,
            RunbookStepCompleted::TYPE,
            RunbookCompleted::TYPE,
        ];
        let news = cx.bus.consumer("runs", &kinds).await?;
        self.ready = Some((triggers, news));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let Some((triggers, news)) = self.ready.take() else {
            return Err(RunError::message("was not initialised"));
        };
        let trigger = Trigger::new(self.choice.clone(), self.settings, cx);
        cx.tasks
            .spawn("triggers", trigger.run(triggers, cx.clone()));
        Engine::new(news, self.settings, cx).run().await
    }

    async fn stop(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.runbooks.offer(Runbooks::default());
        Ok(())
    }
}
