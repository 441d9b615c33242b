//! Events that add understanding to an incident.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::incident::IncidentId;

super::wire_types! {
    EnrichmentCompleted => "enrichment.completed" about incident_id,
}

/// A module found out more about an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrichmentCompleted {
    /// The incident.
    pub incident_id: IncidentId,
    /// The module that enriched it.
    pub enricher_module: String,
    /// What kind of data it is: `ai-summary`, `correlation`, `dedup_occurrence` or `escalation`.
    pub enrichment_type: String,
    /// The data; its keys depend on the kind.
    pub data: Map<String, Value>,
    /// When.
    pub completed_at: Timestamp,
}
