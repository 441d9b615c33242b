//! `enricher.incidentStore`: stores incidents, resolves those that have gone quiet, and keeps the store small.

mod retention;
mod stages;
#[cfg(test)]
mod tests;
mod upkeep;

use async_trait::async_trait;
use opspilot_core::bus::StageOrder;
use opspilot_core::event::{
    EnrichmentCompleted, IncidentCleared, IncidentCreated, IncidentRepeated,
};
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
use schemars::JsonSchema;
use serde::Deserialize;

use self::stages::Stages;
use self::upkeep::Upkeep;

pub(crate) const STORED: MetricSpec =
    MetricSpec::gauge("opspilot_incidents", &[], "Incidents in the store.");
pub(crate) const CREATED: MetricSpec = MetricSpec::counter(
    "opspilot_incidents_created_total",
    &["severity"],
    "Incidents stored.",
);
pub(crate) const RESOLVED: MetricSpec = MetricSpec::counter(
    "opspilot_incidents_resolved_total",
    &[],
    "Incidents resolved because nothing repeated them for their quiet period.",
);
pub(crate) const REMOVED: MetricSpec = MetricSpec::counter(
    "opspilot_incidents_removed_total",
    &["reason"],
    "Incidents removed, because of their age or their number.",
);
pub(crate) const FAILED: MetricSpec = MetricSpec::counter(
    "opspilot_incident_store_errors_total",
    &[],
    "Events about incidents that could not be applied.",
);

/// Stores incidents.
#[derive(Debug)]
pub struct IncidentStore {
    config: Config,
    stages: Option<Stages>,
}

/// The options of `enricher.incidentStore`.
///
/// ```yaml
/// modules:
///   enricher.incidentStore:
///     maxIncidents: 10000
///     retentionMs: 86400000
/// ```
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// How many incidents are kept. Beyond that the oldest resolved and closed ones are removed first, then of
    /// the others the mildest, oldest first.
    #[schemars(range(min = 1))]
    pub max_incidents: u64,
    /// How many milliseconds after its creation a resolved or closed incident is removed; 0 keeps it. An open or
    /// acknowledged incident is never removed for its age.
    pub retention_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_incidents: 10_000,
            retention_ms: 86_400_000,
        }
    }
}

#[async_trait]
impl Module for IncidentStore {
    const MANIFEST: Manifest = Manifest {
        consumes: &[
            "incident.created",
            "incident.repeated",
            "incident.cleared",
            "enrichment.completed",
        ],
        emits: &["incident.updated"],
        enabled_by_default: true,
        metrics: &[STORED, CREATED, RESOLVED, REMOVED, FAILED],
        ..Manifest::new(
            "enricher.incidentStore",
            Category::Enricher,
            "Stores incidents with their history, resolves those that have gone quiet, and removes the old.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        Ok(Self {
            config,
            stages: None,
        })
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let stages = Stages::new(cx);
        let order = StageOrder::STORE;
        cx.bus
            .stage::<IncidentCreated>(order, stages.clone())
            .await?;
        cx.bus
            .stage::<IncidentRepeated>(order, stages.clone())
            .await?;
        cx.bus
            .stage::<IncidentCleared>(order, stages.clone())
            .await?;
        cx.bus
            .stage::<EnrichmentCompleted>(order, stages.clone())
            .await?;
        self.stages = Some(stages);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let enrichments = self.stages.as_ref().map(Stages::enrichments);
        Upkeep::new(self.config, cx, enrichments.unwrap_or_default())
            .run()
            .await
    }
}
