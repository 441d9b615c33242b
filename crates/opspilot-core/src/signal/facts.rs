//! What a source knows of its records beyond their text.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::batch::LogBatch;

/// Typed facts by name: severity, host, unit, pod, trace id.
pub type Attributes = Map<String, Value>;

/// What a source knows of each record, worked out only when somebody asks: a rule matched.
///
/// A source whose records carry their facts in their bytes (a syslog header, a journal entry) keeps where they are and
/// parses them here, so that a record nobody asks about costs nothing. A source that has them at hand gives a
/// `Vec<Attributes>`, one for each record.
pub trait Facts: Send + Sync + fmt::Debug {
    /// The facts of the record at `index` of `batch`, counted from 0; none for an index that does not exist.
    fn of(&self, batch: &LogBatch, index: usize) -> Attributes;
}

impl Facts for Vec<Attributes> {
    fn of(&self, _: &LogBatch, index: usize) -> Attributes {
        self.get(index).cloned().unwrap_or_default()
    }
}

/// A number that a source read: one `metric.sampled`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What was read, for example `cpu_usage_percent`.
    pub name: Arc<str>,
    /// The number. It is finite.
    pub value: f64,
    /// The unit by its UCUM code (`%`, `By`, `ms`, `1`); empty if unknown.
    pub unit: Arc<str>,
    /// What it was read of: mount, device, endpoint.
    pub attributes: Attributes,
}
