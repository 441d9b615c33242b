//! `action.escalation`: when nobody takes an incident in time, more people are told.
//!
//! Each incident that a policy matches is tracked in one stored document with the moment at which something is due. The
//! document changes, and the event that tells of the level is stored, in one transaction, so a level is told exactly once
//! whatever happens in between. The module sleeps until the next document is due.

mod config;
mod desk;
mod policy;
mod shown;
#[cfg(test)]
mod tests;
mod tracked;
mod watch;

use std::sync::Arc;

use async_trait::async_trait;
use opspilot_core::bus::Consumer;
use opspilot_core::event::{Event as _, IncidentCreated, IncidentUpdated};
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
use opspilot_core::oncall::Roster;

pub use config::{
    Config, Every, LayerConfig, LevelConfig, OverrideConfig, PolicyConfig, RestrictConfig,
    ScheduleConfig,
};

use self::desk::Desk;
use self::policy::Plan;
use self::shown::Shown;
use self::watch::Watch;

pub(crate) const TOLD: MetricSpec = MetricSpec::counter(
    "opspilot_escalations_told_total",
    &["kind"],
    "Escalations told, by kind: a level for the first time, or again.",
);
pub(crate) const TRACKED: MetricSpec = MetricSpec::gauge(
    "opspilot_escalations_tracked",
    &[],
    "Incidents that are escalated when nobody takes them.",
);
pub(crate) const EVICTED: MetricSpec = MetricSpec::counter(
    "opspilot_escalations_evicted_total",
    &[],
    "Incidents that are no longer escalated because more than `maxTrackedIncidents` were open.",
);

/// Tells more people when nobody takes an incident in time.
#[derive(Debug)]
pub struct Escalation {
    plan: Plan,
    roster: Roster,
    ready: Option<(Desk, Consumer)>,
}

#[async_trait]
impl Module for Escalation {
    const MANIFEST: Manifest = Manifest {
        dependencies: &["enricher.incidentStore"],
        consumes: &["incident.created", "incident.updated"],
        emits: &["incident.escalated", "enrichment.completed"],
        metrics: &[TOLD, TRACKED, EVICTED],
        ..Manifest::new(
            "action.escalation",
            Category::Action,
            "Tells more people when nobody takes an incident in time, and knows who is on call.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let (plan, roster) = config::check(&config)?;
        Ok(Self {
            plan,
            roster,
            ready: None,
        })
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.on_call.offer(self.roster.clone());
        let kinds = [IncidentCreated::TYPE, IncidentUpdated::TYPE];
        let consumer = cx.bus.consumer("", &kinds).await?;
        let desk = Desk::open(self.plan.clone(), cx).await?;
        let shown = Shown(cx.store.collection().await?);
        cx.on_call.offer_escalations(Some(Arc::new(shown)));
        self.ready = Some((desk, consumer));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let Some((desk, consumer)) = self.ready.take() else {
            return Err(RunError::message("was not initialised"));
        };
        Watch::new(desk, consumer, cx).run().await
    }

    async fn stop(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.on_call.offer(Roster::default());
        cx.on_call.offer_escalations(None);
        Ok(())
    }
}
