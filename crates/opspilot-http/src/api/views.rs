//! Proposals, executions and types of action as they are served. What is stored may change; this may not.

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::action::{Action, Digest};
use opspilot_core::safety::catalogue::{ActionType, Plan, Policy};
use opspilot_core::safety::proposal::{Decision, Proposal, ProposalStatus, Proposed};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A proposal as it is served. The token is not in it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Proposal")]
pub(super) struct ProposalBody {
    id: String,
    status: ProposalStatus,
    action_type: String,
    description: String,
    reasoning: String,
    requested_by: String,
    /// For whom a module proposed it: they may not decide it either.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_by: Option<String>,
    requested_at: Timestamp,
    /// Until when somebody may decide; once approved, until when the approval is valid.
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_id: Option<IncidentId>,
    policy: Policy,
    approvals: Vec<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Decision>,
    actions: Vec<DeedBody>,
}

/// One action of a proposal.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ProposedAction")]
struct DeedBody {
    action_type: String,
    executor: String,
    arguments: Map<String, Value>,
    /// What an approval is bound to.
    digest: Digest,
    plan: Plan,
    #[serde(skip_serializing_if = "Option::is_none")]
    precondition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<String>,
    from_evidence: Vec<String>,
}

impl From<Proposal> for ProposalBody {
    fn from(proposal: Proposal) -> Self {
        let action_type = match proposal.actions.as_slice() {
            [one] => one.action.action_type.clone(),
            _ => "runbook.execute".to_owned(),
        };
        Self {
            id: proposal.id,
            status: proposal.status,
            action_type,
            description: proposal.description,
            reasoning: proposal.reasoning,
            requested_by: proposal.requested_by,
            asked_by: proposal.asked_by,
            requested_at: proposal.created_at,
            expires_at: proposal.expires_at,
            incident_id: proposal.incident_id,
            policy: proposal.policy,
            approvals: proposal.approvals,
            ended: proposal.ended,
            actions: proposal.actions.into_iter().map(DeedBody::from).collect(),
        }
    }
}

impl From<Proposed> for DeedBody {
    fn from(proposed: Proposed) -> Self {
        let digest = proposed.action.digest();
        let Action {
            executor,
            action_type,
            arguments,
            precondition,
            target: _,
            recipe: _,
        } = proposed.action;
        Self {
            action_type,
            executor,
            arguments,
            digest,
            plan: proposed.plan,
            precondition,
            dry_run: proposed.dry_run,
            from_evidence: proposed.from_evidence,
        }
    }
}

/// A type of action as it is served.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ActionType")]
pub(super) struct TypeBody {
    name: String,
    executor: &'static str,
    description: String,
    policy: Policy,
}

impl TypeBody {
    /// The type called `name`.
    pub(super) fn of(name: String, found: &dyn ActionType) -> Self {
        Self {
            name,
            executor: found.executor(),
            description: found.description().to_owned(),
            policy: found.policy(),
        }
    }
}
