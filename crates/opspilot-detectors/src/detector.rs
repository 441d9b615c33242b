//! What a detector is.

use std::fmt;
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::incident::IncidentId;
use opspilot_core::module::{BuildError, Manifest};
use opspilot_core::rules::RuleKind;
use opspilot_core::signal::LogBatch;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Turns log records into findings.
///
/// A detector is synchronous and keeps no clock: time comes in, so the same object serves the running system, `replay`
/// with its virtual clock, and tests. The same calls always give the same findings.
pub trait Detector: Send + fmt::Debug {
    /// Looks at every record of `batch` and adds what it finds to `out`. A batch without findings allocates nothing.
    ///
    /// `now` is when the batch arrived and never runs backwards by more than a corrected clock does.
    fn observe(&mut self, now: Timestamp, batch: &LogBatch, out: &mut Vec<Finding>);

    /// Says what follows from the passing of time alone.
    fn tick(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        let _ = (now, out);
    }

    /// When [`Detector::tick`] has something to do, if nothing is observed before.
    fn next_tick(&self) -> Option<Timestamp> {
        None
    }

    /// Everything that the next decision depends on: windows, cooldowns, open incidents.
    fn snapshot(&self) -> Value {
        Value::Null
    }

    /// Continues from a snapshot. State of rules that no longer exist is dropped.
    ///
    /// # Errors
    /// When `state` is no snapshot of this detector; nothing is changed then.
    fn restore(&mut self, state: Value) -> Result<(), serde_json::Error> {
        drop(state);
        Ok(())
    }

    /// Counts nothing more on `incident`: it does not exist. Its line had been counted on another incident before the
    /// line was read again.
    fn forget(&mut self, incident: &IncidentId) {
        let _ = incident;
    }

    /// The figures shown in the module's health, by their names there.
    fn figures(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// A detector that is a module: the shared driver does the rest.
pub trait DetectorModule: Detector + Sized + 'static {
    /// Who it is. Use [`crate::manifest`].
    const MANIFEST: Manifest;
    /// Its options.
    type Config: DeserializeOwned + JsonSchema;

    /// Turns options into a detector; touches nothing outside.
    ///
    /// # Errors
    /// When options contradict each other or do not compile; all of them are named.
    fn new(config: &Self::Config) -> Result<Self, BuildError>;

    /// The kind of rules that the options have under `rules`, where they have any.
    fn rules() -> Option<&'static dyn RuleKind> {
        None
    }

    /// Runs the tests that the options contain.
    ///
    /// # Errors
    /// The tests that failed.
    fn check(&self) -> Result<(), BuildError> {
        Ok(())
    }
}

/// Why a match made no incident of its own. It is counted on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The rule's incident is younger than its cooldown.
    Cooldown,
    /// More incidents than the module may create in a minute.
    RateCap,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 2] = [Self::Cooldown, Self::RateCap];

    /// The label value in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cooldown => "cooldown",
            Self::RateCap => "rate_cap",
        }
    }
}

/// What a detector found.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// A new incident.
    Created {
        /// Where the record that led to it starts in its stream.
        position: u64,
        /// The incident.
        event: IncidentCreated,
    },
    /// More of what an incident stands for; at most one for each incident and batch.
    Repeated {
        /// Where the last of the records starts.
        position: u64,
        /// How many more.
        event: IncidentRepeated,
        /// Why there is no new incident.
        reason: Reason,
        /// The rule that matched last.
        rule: Arc<str>,
    },
    /// The condition of an incident is over.
    Cleared {
        /// Where the record that showed it starts; absent when it was the passing of time.
        position: Option<u64>,
        /// The incident.
        event: IncidentCleared,
    },
}
