//! Detectors: they turn log records into incidents.
//!
//! A detector is a synchronous value; [`Driven`] makes it a module. This is a whole one:
//!
//! ```
//! use opspilot_core::clock::Timestamp;
//! use opspilot_core::event::IncidentCreated;
//! use opspilot_core::incident::{IncidentId, Severity};
//! use opspilot_core::module::{BuildError, Factory, Manifest};
//! use opspilot_core::signal::LogBatch;
//! use opspilot_detectors::{Detector, DetectorModule, Driven, Finding};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! /// Finds lines that are longer than they should be.
//! #[derive(Debug)]
//! struct LongLine { max_bytes: usize }
//!
//! /// Options of `detector.longLine`.
//! #[derive(Debug, Deserialize, JsonSchema)]
//! #[serde(rename_all = "camelCase", deny_unknown_fields)]
//! struct Config {
//!     /// The longest line that is no incident, in bytes; at least 1.
//!     max_bytes: usize,
//! }
//!
//! impl DetectorModule for LongLine {
//!     const MANIFEST: Manifest = opspilot_detectors::manifest("detector.longLine", "Finds long lines.");
//!     type Config = Config;
//!
//!     fn new(config: &Config) -> Result<Self, BuildError> {
//!         if config.max_bytes == 0 {
//!             let path = opspilot_core::config::KeyPath::of(["maxBytes"]);
//!             return Err(BuildError::option(path, "must be at least 1"));
//!         }
//!         Ok(Self { max_bytes: config.max_bytes })
//!     }
//! }
//!
//! impl Detector for LongLine {
//!     fn observe(&mut self, now: Timestamp, batch: &LogBatch, out: &mut Vec<Finding>) {
//!         for record in batch.iter().filter(|record| record.bytes.len() > self.max_bytes) {
//!             let (source, position) = (batch.source(), record.position);
//!             out.push(Finding::Created {
//!                 position,
//!                 event: IncidentCreated {
//!                     incident_id: IncidentId::derive("detector.longLine", "", &source.stream, position),
//!                     title: "Long line".into(),
//!                     description: format!("A line of {} bytes in {}.", record.bytes.len(), source.name),
//!                     severity: Severity::Info,
//!                     detected_by: "detector.longLine".into(),
//!                     source_event: Some("log.ingested".into()),
//!                     detected_at: now,
//!                     occurrences: 1,
//!                     last_seen_at: None,
//!                     auto_resolve_ms: None,
//!                     context: Default::default(),
//!                 },
//!             });
//!         }
//!     }
//! }
//!
//! // Whoever builds the binary adds it to the registry.
//! let factory = Factory::of::<Driven<LongLine>>();
//! assert_eq!(factory.manifest().id, "detector.longLine");
//! ```

mod cap;
mod conditions;
mod detector;
mod driver;
mod limiter;
pub mod matcher;
pub mod regex;
mod rules;
mod tally;
mod template;
#[cfg(test)]
mod testing;
pub mod threshold;

pub use conditions::Conditions;
pub use detector::{Detector, DetectorModule, Finding, Reason};
pub use driver::{Driven, MODULES, build, manifest};
