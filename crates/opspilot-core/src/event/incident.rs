//! Events about incidents.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::incident::{IncidentId, Severity};

super::wire_types! {
    IncidentCreated => "incident.created" about incident_id,
    IncidentRepeated => "incident.repeated" about incident_id,
    IncidentCleared => "incident.cleared" about incident_id,
    IncidentUpdated => "incident.updated" about incident_id,
    IncidentSuppressed => "incident.suppressed" about original_incident_id,
    IncidentStorm => "incident.storm" about root_incident_id,
    IncidentEscalated => "incident.escalated" about incident_id,
}

/// A detector found something that a person should know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentCreated {
    /// The incident's identity, derived from rule and position, so that re-reading a line finds the same incident.
    pub incident_id: IncidentId,
    /// One line for people.
    pub title: String,
    /// What was found, in a sentence or more.
    pub description: String,
    /// How bad it is.
    pub severity: Severity,
    /// The detector's module id.
    pub detected_by: String,
    /// The wire type of the signal that led to it, for example `log.ingested`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_event: Option<String>,
    /// When the detector found it.
    pub detected_at: Timestamp,
    /// How many identical signals it stands for; at least 1.
    #[serde(default = "one")]
    pub occurrences: u64,
    /// When the newest of those signals was seen; absent when there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Timestamp>,
    /// Resolve the incident by itself when no signal repeats it for this long, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_resolve_ms: Option<u64>,
    /// The evidence: the matched line, the rule, the values; see the detector's reference page.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
}

fn one() -> u64 {
    1
}

/// More of the signals that an incident stands for were seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentRepeated {
    /// The incident.
    pub incident_id: IncidentId,
    /// How many more signals.
    pub occurrences: u64,
    /// When the newest of them was seen.
    pub last_seen_at: Timestamp,
    /// How many of them each rule matched, where several rules share the incident (a storm).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_rule: BTreeMap<String, u64>,
}

/// The condition that an incident tells of is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentCleared {
    /// The incident.
    pub incident_id: IncidentId,
    /// The module that says so.
    pub cleared_by: String,
    /// Why, in a few words.
    pub reason: String,
    /// When the condition ended.
    pub cleared_at: Timestamp,
}

/// A stored incident was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentUpdated {
    /// The incident.
    pub incident_id: IncidentId,
    /// Which field: `status`, `assignee`, `comment`, `occurrences`, `flapping` or `enrichments.<module>`.
    pub field: String,
    /// The value before; null where there was none.
    pub old_value: Value,
    /// The value after.
    pub new_value: Value,
    /// Who changed it: a person's subject or a module id.
    pub updated_by: String,
    /// When.
    pub updated_at: Timestamp,
    /// Why, where the change was given a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Incidents were absorbed because they repeat an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentSuppressed {
    /// The newest incident that was absorbed.
    pub suppressed_incident_id: IncidentId,
    /// The incident it repeats.
    pub original_incident_id: IncidentId,
    /// The hash over the compared fields, in hex.
    pub fingerprint: String,
    /// How many times the original has now been seen.
    pub occurrences: u64,
    /// The deduplication window in milliseconds.
    pub window_ms: u64,
}

/// A group of related incidents grew into a storm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentStorm {
    /// The group.
    pub group_id: String,
    /// Its first incident.
    pub root_incident_id: IncidentId,
    /// How many incidents belong to it.
    pub member_count: u64,
    /// The severity of the first incident.
    pub severity: Severity,
    /// The detector of the first incident.
    pub source: String,
    /// The correlation window in milliseconds.
    pub time_window_ms: u64,
    /// The titles of the members, newest last.
    pub titles: Vec<String>,
}

/// Nobody took an incident in time, so more people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncidentEscalated {
    /// The incident.
    pub incident_id: IncidentId,
    /// The policy.
    pub policy_id: String,
    /// The level reached, from 1.
    pub level: u32,
    /// Who is told, as the policy says it.
    pub notify: Vec<String>,
    /// The people whom that reaches now, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// The channels on which they are told, whatever those listen to. Without any, every channel that listens to this type
    /// is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<String>,
    /// The lower levels that became due at the same time, while the server was stopped for example; nobody was told at
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_levels: Vec<u32>,
    /// How many times this level was told before.
    #[serde(default)]
    pub repetition: u32,
    /// Why now, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Milliseconds since the incident arrived, or came back after it was resolved.
    pub elapsed_ms: u64,
    /// The incident's severity.
    pub severity: Severity,
    /// The incident's title.
    pub title: String,
}
