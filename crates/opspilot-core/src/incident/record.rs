//! The stored incident.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::flapping;
use super::id::IncidentId;
use super::state::Status;
use crate::clock::Timestamp;
use crate::event::IncidentCreated;
use crate::storage::{CollectionSpec, Cursor, IndexEntry, IndexSpec, Record};

/// How many timeline entries an incident keeps; the oldest after the first make room.
const TIMELINE_LIMIT: usize = 500;

/// How bad an incident is.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Needs a look.
    #[default]
    Warning,
    /// Needs a person now.
    Critical,
}

/// An incident as it is stored and served. Lists hand on what is stored, so a field that is added later is optional there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Its identity.
    pub id: IncidentId,
    /// One line for people.
    pub title: String,
    /// What was found.
    pub description: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub status: Status,
    /// The detector's module id.
    pub detected_by: String,
    /// The wire type of the signal that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_event: Option<String>,
    /// When it was detected.
    pub detected_at: Timestamp,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How many signals it stands for.
    pub occurrences: u64,
    /// When the newest of them was seen.
    pub last_seen_at: Timestamp,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Resolved by itself after this many quiet milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_resolve_ms: Option<u64>,
    /// Set while the incident opens and resolves in quick succession.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
    /// The evidence.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
    /// What modules found out, by module id.
    #[serde(default)]
    pub enrichments: Map<String, Value>,
    /// What happened to it, oldest first.
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
    /// How many timeline entries were dropped to keep the record small.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeline_dropped: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How often an incident came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flapping {
    /// How many times it came back since `since`.
    pub reopened: u64,
    /// When it was first seen to flap.
    pub since: Timestamp,
}

/// One line of an incident's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When.
    pub timestamp: Timestamp,
    /// What: `created`, `status.changed`, `assigned`, `comment`, `enrichment.added` or `flapping`.
    pub action: String,
    /// Who: a person's subject or a module id.
    pub actor: String,
    /// Why, where a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More, depending on the action.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// Which incidents to list; an empty list means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only these severities.
    pub severities: Vec<Severity>,
    /// Only these statuses.
    pub statuses: Vec<Status>,
    /// Only incidents created then or later.
    pub since: Option<Timestamp>,
    /// Only incidents created before.
    pub until: Option<Timestamp>,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a severity: write info, warning or critical"))
    }
}

impl Incident {
    /// The record of a newly found incident, stored at `now`.
    #[must_use]
    pub fn open(event: &IncidentCreated, now: Timestamp) -> Self {
        let created = TimelineEntry {
            timestamp: now,
            action: "created".into(),
            actor: event.detected_by.clone(),
            reason: None,
            details: Map::new(),
        };
        Self {
            id: event.incident_id.clone(),
            title: event.title.clone(),
            description: event.description.clone(),
            severity: event.severity,
            status: Status::Open,
            detected_by: event.detected_by.clone(),
            source_event: event.source_event.clone(),
            detected_at: event.detected_at,
            created_at: now,
            updated_at: now,
            occurrences: event.occurrences,
            last_seen_at: event.last_seen_at.unwrap_or(event.detected_at),
            assignee: None,
            auto_resolve_ms: event.auto_resolve_ms,
            flapping: None,
            context: event.context.clone(),
            enrichments: Map::new(),
            timeline: vec![created],
            timeline_dropped: 0,
        }
    }

    /// Adds a line to the history.
    pub fn note(&mut self, entry: TimelineEntry) {
        self.updated_at = entry.timestamp;
        if self.timeline.len() >= TIMELINE_LIMIT {
            self.timeline.remove(1);
            self.timeline_dropped += 1;
        }
        self.timeline.push(entry);
    }

    /// When the incident resolves by itself if nothing repeats it; never for one that is not active.
    #[must_use]
    pub fn resolves_at(&self) -> Option<Timestamp> {
        if !self.status.is_active() {
            return None;
        }
        let quiet = self.auto_resolve_ms.map(Duration::from_millis);
        let quiet = match self.flapping {
            Some(_) => quiet.unwrap_or_default().max(flapping::WINDOW),
            None => quiet?,
        };
        Some(self.last_seen_at.plus(quiet))
    }
}

impl Incident {
    /// Where a list goes on behind this incident.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            sort: self.created_at.as_millis(),
            key: self.key(),
        }
    }
}

impl Record for Incident {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "incidents",
        indexes: &[
            IndexSpec {
                name: "recent",
                prefix: 2,
            },
            IndexSpec {
                name: "due",
                prefix: 0,
            },
        ],
    };

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let recent = IndexEntry {
            prefix: vec![self.status.as_str().into(), self.severity.as_str().into()],
            sort: self.created_at.as_millis(),
        };
        let due = self.resolves_at().map(|at| IndexEntry {
            prefix: Vec::new(),
            sort: at.as_millis(),
        });
        vec![Some(recent), due]
    }
}

impl IncidentFilter {
    /// The prefixes of the `recent` index that the filter selects.
    pub(super) fn prefixes(&self) -> Vec<Vec<String>> {
        let statuses = if self.statuses.is_empty() {
            &Status::ALL[..]
        } else {
            &self.statuses
        };
        let severities = if self.severities.is_empty() {
            &Severity::ALL[..]
        } else {
            &self.severities
        };
        let pair =
            |status: &Status, severity: &Severity| vec![status.to_string(), severity.to_string()];
        statuses
            .iter()
            .flat_map(|status| {
                severities
                    .iter()
                    .map(move |severity| pair(status, severity))
            })
            .collect()
    }
}
