//! Events about proposed and executed actions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::incident::IncidentId;

super::wire_types! {
    ActionProposed => "action.proposed" maybe about incident_id,
    ActionApproved => "action.approved" maybe about incident_id,
    ActionDenied => "action.denied" maybe about incident_id,
    ActionExecuted => "action.executed" maybe about incident_id,
    ActionWithdrawn => "action.withdrawn" maybe about incident_id,
}

/// An action waits for a person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionProposed {
    /// The approval request.
    pub request_id: String,
    /// The type of action.
    pub action_type: String,
    /// What will be done.
    pub description: String,
    /// Why it is proposed.
    pub reasoning: String,
    /// Who proposes it: a person's subject or a module id.
    pub requested_by: String,
    /// The incident it should help, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<IncidentId>,
}

/// A person approved an action. The approval token itself never travels in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionApproved {
    /// The approval request.
    pub request_id: String,
    /// Who approved it.
    pub approved_by: String,
    /// Until when it may be executed.
    pub expires_at: Timestamp,
    /// The incident it should help, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<IncidentId>,
}

/// A person denied an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionDenied {
    /// The approval request.
    pub request_id: String,
    /// Who denied it.
    pub denied_by: String,
    /// Why, if they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The incident it should have helped, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<IncidentId>,
}

/// A proposal ended without a decision that counts: it expired, was taken back, or the gate refused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionWithdrawn {
    /// The approval request.
    pub request_id: String,
    /// `expired`, `cancelled` or `refused`.
    pub status: String,
    /// Who ended it: a subject, a module id, or `core`.
    pub ended_by: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The incident it should have helped, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<IncidentId>,
}

/// An approved action was carried out, or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionExecuted {
    /// The approval request.
    pub request_id: String,
    /// The type of action.
    pub action_type: String,
    /// How it ended.
    pub result: ActionResult,
    /// What it printed, cut to a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The executor.
    pub executed_by: String,
    /// When it ended.
    pub executed_at: Timestamp,
    /// The incident it should help, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<IncidentId>,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ActionResult {
    /// It did what it should.
    Success,
    /// It did not.
    Failure,
    /// The server stopped in between: a person has to look.
    Unknown,
}
