//! What is told of a deed.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::incident::IncidentId;
use crate::safety::action::Digest;

/// The most bytes of JSON that the details of one entry may have.
const DETAILS_LIMIT: usize = 64 * 1024;

/// The most bytes of any other text.
const TEXT_LIMIT: usize = 4 * 1024;

/// A deed to be noted in the audit log. It never holds secrets, and personal data only by reference: what is in the log
/// cannot be erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What was done: a noun and a past participle, such as `action.approved`.
    pub action: Cow<'static, str>,
    /// Who did it: the subject of a credential, or a module id.
    pub actor: String,
    /// What it was done to.
    pub target: Option<String>,
    /// More.
    pub details: Map<String, Value>,
    /// The thread it belongs to: the id of an incident.
    pub correlation_id: Option<String>,
}

impl Record {
    /// That `actor` did `action`.
    #[must_use]
    pub fn new(action: impl Into<Cow<'static, str>>, actor: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            actor: actor.into(),
            target: None,
            details: Map::new(),
            correlation_id: None,
        }
    }

    /// Says what it was done to.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.insert(key.into(), value.into());
        self
    }

    /// Says that it belongs to an incident.
    #[must_use]
    pub fn about(mut self, incident: &IncidentId) -> Self {
        self.correlation_id = Some(incident.to_string());
        self
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number; the first entry is 1, and there are no gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What was done.
    pub action: Cow<'static, str>,
    /// Who did it: the subject of a credential, or a module id.
    pub actor: String,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// More, depending on the action.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// The thread it belongs to: the id of an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl Entry {
    /// The entry `seq` that tells of `record`. What is too large is cut, and details are replaced by their size and
    /// SHA-256: no line is ever longer than a verifier reads.
    pub(super) fn of(record: Record, seq: u64, at: Timestamp) -> Self {
        Self {
            seq,
            at,
            action: record.action,
            actor: cut(record.actor),
            target: record.target.map(cut),
            details: bounded(record.details),
            correlation_id: record.correlation_id.map(cut),
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_LIMIT {
        text.truncate(text.floor_char_boundary(TEXT_LIMIT));
        text.push('…');
    }
    text
}

fn bounded(details: Map<String, Value>) -> Map<String, Value> {
    let text = serde_json::to_vec(&details).unwrap_or_default();
    if text.len() <= DETAILS_LIMIT {
        return details;
    }
    Map::from_iter([
        ("tooLargeBytes".to_owned(), json!(text.len())),
        ("sha256".to_owned(), json!(Digest::of(&text))),
    ])
}
