//! Events about runbooks that are carried out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::incident::IncidentId;

super::wire_types! {
    RunbookStarted => "runbook.started" about incident_id,
    RunbookStepCompleted => "runbook.stepCompleted" about incident_id,
    RunbookCompleted => "runbook.completed" about incident_id,
}

/// A runbook is carried out for an incident. Nothing is done yet that a person must approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunbookStarted {
    /// The run.
    pub execution_id: String,
    /// The runbook.
    pub runbook_id: String,
    /// Its title.
    pub runbook_title: String,
    /// The incident.
    pub incident_id: IncidentId,
    /// How many steps there are.
    pub total_steps: u64,
    /// Who started it: a person's subject or a module id.
    #[serde(default)]
    pub started_by: String,
}

/// A step of a runbook is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunbookStepCompleted {
    /// The run.
    pub execution_id: String,
    /// The runbook.
    pub runbook_id: String,
    /// The incident.
    pub incident_id: IncidentId,
    /// Which step, from 0.
    pub step_index: u64,
    /// What the step says.
    pub instruction: String,
    /// How it ended: `completed`, `failed`, `skipped` or `unknown`.
    pub status: String,
    /// What it printed, found or was answered, cut to a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// A run is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunbookCompleted {
    /// The run.
    pub execution_id: String,
    /// The runbook.
    pub runbook_id: String,
    /// Its title.
    pub runbook_title: String,
    /// The incident.
    pub incident_id: IncidentId,
    /// How it ended: `completed`, `failed` or `cancelled`.
    pub status: String,
    /// How many steps there are.
    pub total_steps: u64,
    /// How many of them were completed.
    pub completed_steps: u64,
    /// How many of them failed.
    pub failed_steps: u64,
    /// How long the run took, in milliseconds.
    pub duration_ms: u64,
    /// Why it ended so, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
