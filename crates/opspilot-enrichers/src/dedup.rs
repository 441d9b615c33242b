//! `enricher.dedup`: an incident that repeats another within a sliding window is absorbed and counted on it.

mod fingerprint;
mod group;
mod rows;
mod stages;
#[cfg(test)]
mod tests;
mod window;

use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::StageOrder;
use opspilot_core::clock::Timestamp;
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::incident::IncidentId;
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module, RunError};
use schemars::JsonSchema;
use serde::Deserialize;

pub use fingerprint::Field;

use self::fingerprint::Fingerprint;
use self::stages::Stages;
use self::window::Window;

pub(crate) const INCIDENTS: MetricSpec = MetricSpec::counter(
    "opspilot_dedup_incidents_total",
    &["outcome"],
    "Incidents that came by, by what became of them: passed or suppressed.",
);

/// Absorbs incidents that repeat an earlier one.
#[derive(Debug)]
pub struct Dedup {
    config: Config,
    window: Window,
}

/// The options of `enricher.dedup`.
///
/// ```yaml
/// modules:
///   enricher.dedup:
///     windowMs: 300000
///     fingerprintFields: [title, severity, detectedBy]
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// An incident repeats another that was last seen less than this many milliseconds ago. Each repetition starts the
    /// time again.
    #[schemars(range(min = 1_000))]
    pub window_ms: u64,
    /// The fields in which two incidents must agree.
    #[schemars(length(min = 1))]
    pub fingerprint_fields: Vec<Field>,
    /// How many different incidents are remembered; the one that was not seen for longest makes room.
    #[schemars(range(min = 100))]
    pub max_fingerprints: usize,
    /// Publish `incident.suppressed` for what was absorbed.
    pub emit_suppressed: bool,
}

/// What is to become of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing like it was seen within the window.
    New,
    /// This very incident was seen before, because its source was read again. It says nothing new.
    Known {
        /// The incident itself, or the one that it was absorbed into.
        original: IncidentId,
    },
    /// It repeats an earlier incident.
    Duplicate {
        /// The earlier incident.
        original: IncidentId,
        /// How many signals the earlier incident stands for now.
        occurrences: u64,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window_ms: 300_000,
            fingerprint_fields: vec![Field::Title, Field::Severity, Field::DetectedBy],
            max_fingerprints: 10_000,
            emit_suppressed: true,
        }
    }
}

impl Config {
    fn window(&self) -> Window {
        Window::new(Duration::from_millis(self.window_ms))
    }
}

impl Dedup {
    /// Judges an incident seen at `now`, and remembers it. Needs no runtime, and remembers nothing beyond `self`.
    pub fn check(&mut self, now: Timestamp, event: &IncidentCreated) -> Verdict {
        let fingerprint = Fingerprint::of(&self.config.fingerprint_fields, event);
        let verdict = self.window.check(now, fingerprint, event);
        self.window
            .trim(now, self.config.max_fingerprints, usize::MAX);
        verdict
    }
}

#[async_trait]
impl Module for Dedup {
    const MANIFEST: Manifest = Manifest {
        consumes: &["incident.created", "incident.repeated", "incident.cleared"],
        emits: &[
            "incident.repeated",
            "incident.suppressed",
            "enrichment.completed",
        ],
        enabled_by_default: true,
        metrics: &[INCIDENTS],
        ..Manifest::new(
            "enricher.dedup",
            Category::Enricher,
            "Absorbs an incident that repeats another within a sliding window, and counts it on that one.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let window = config.window();
        Ok(Self { config, window })
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let stages = Stages::open(self.config.clone(), cx).await?;
        let order = StageOrder::DEDUP;
        cx.bus
            .stage::<IncidentCreated>(order, stages.clone())
            .await?;
        cx.bus
            .stage::<IncidentRepeated>(order, stages.clone())
            .await?;
        cx.bus.stage::<IncidentCleared>(order, stages).await?;
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        // The stages do the work; what has passed is removed when the next incident comes.
        cx.cancel.cancelled().await;
        Ok(())
    }
}
