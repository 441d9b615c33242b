//! What a module says of itself.

use schemars::JsonSchema;
use serde::Serialize;

use crate::bus::Rights;
use crate::metrics::MetricSpec;

/// Who a module is, what it needs and what it promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// The id in configuration and events, `<category>.<name>`.
    pub id: &'static str,
    /// The module's own version.
    pub version: &'static str,
    /// What kind of module it is.
    pub category: Category,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// The ids of modules that must run before it.
    pub dependencies: &'static [&'static str],
    /// The wire types of the events and signals that it reads.
    pub consumes: &'static [&'static str],
    /// The wire types of the events and signals that it publishes.
    pub emits: &'static [&'static str],
    /// True if it runs when the configuration has no section for it.
    pub enabled_by_default: bool,
    /// The metrics that it keeps, besides those of every module.
    pub metrics: &'static [MetricSpec],
}

impl Manifest {
    /// A manifest with this package's version, without dependencies, events and metrics, off by default.
    #[must_use]
    pub const fn new(id: &'static str, category: Category, description: &'static str) -> Self {
        Self {
            id,
            version: env!("CARGO_PKG_VERSION"),
            category,
            description,
            dependencies: &[],
            consumes: &[],
            emits: &[],
            enabled_by_default: false,
            metrics: &[],
        }
    }

    /// What the module may do on the bus.
    #[must_use]
    pub const fn rights(&self) -> Rights {
        Rights {
            module: self.id,
            consumes: self.consumes,
            emits: self.emits,
        }
    }
}

/// The kinds of module, in the order of the flow of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Raw signal in.
    Connector,
    /// Signal to incident.
    Detector,
    /// Incident to understanding.
    Enricher,
    /// Understanding to safe action.
    Action,
    /// Tells people.
    Notifier,
    /// Tools for agents.
    Openclaw,
    /// Serves people and programs.
    Ui,
    /// Tells other systems how the program itself is.
    Telemetry,
}
