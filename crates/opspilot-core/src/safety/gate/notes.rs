//! How the gate tells of what happened: audit entries, events, and the incident's timeline.

use serde_json::{Map, Value, json};

use super::Books;
use crate::bus::Tx;
use crate::event::{ActionExecuted, ActionProposed, ActionResult, ActionWithdrawn};
use crate::safety::audit::Record;
use crate::safety::execution::{Execution, ExecutionState};
use crate::safety::proposal::{Decision, Proposal};
use crate::safety::refusal::Refusal;
use crate::storage::StorageError;

impl Books {
    /// Stores `proposal` and tells of it under the name `action`.
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        proposal: &Proposal,
        told: Told<'_>,
    ) -> Result<(), StorageError> {
        tx.put(&self.proposals, proposal)?;
        self.tell(tx, proposal, told).await
    }

    /// Writes the audit entry and the line in the incident's timeline.
    pub(super) async fn tell(
        &self,
        tx: &mut Tx,
        proposal: &Proposal,
        told: Told<'_>,
    ) -> Result<(), StorageError> {
        let mut details = about(proposal);
        details.extend(told.details);
        if let Some(incident) = &proposal.incident_id {
            self.incidents
                .note_in(tx, incident, (told.action, told.actor), details.clone())
                .await?;
        }
        self.audit
            .append_in(tx, entry(proposal, told.action, told.actor, details))
            .await
    }

    /// Writes that `actor` was refused.
    pub(super) async fn tell_refusal(
        &self,
        tx: &mut Tx,
        (id, proposal): (&str, Option<&Proposal>),
        (attempted, actor): (&str, &str),
        refusal: Refusal,
    ) -> Result<(), StorageError> {
        let mut details = proposal.map(about).unwrap_or_default();
        details.insert("proposalId".into(), json!(id));
        details.insert("attempted".into(), json!(attempted));
        details.insert("reason".into(), json!(refusal.code()));
        let record = match proposal {
            Some(proposal) => entry(proposal, "action.refused", actor, details),
            None => Record {
                action: "action.refused".into(),
                actor: actor.to_owned(),
                target: None,
                details,
                correlation_id: None,
            },
        };
        self.audit.append_in(tx, record).await
    }
}

/// What is told of a proposal.
pub(super) struct Told<'t> {
    pub(super) action: &'static str,
    pub(super) actor: &'t str,
    pub(super) details: Map<String, Value>,
}

impl<'t> Told<'t> {
    pub(super) fn new(action: &'static str, actor: &'t str) -> Self {
        Self {
            action,
            actor,
            details: Map::new(),
        }
    }

    pub(super) fn with(mut self, key: &str, value: Value) -> Self {
        if !value.is_null() {
            self.details.insert(key.to_owned(), value);
        }
        self
    }
}

/// What every entry about a proposal holds: enough to know the action without the proposal.
fn about(proposal: &Proposal) -> Map<String, Value> {
    let digests: Vec<_> = proposal
        .actions
        .iter()
        .map(|proposed| proposed.action.digest().to_string())
        .collect();
    let types: Vec<_> = proposal
        .actions
        .iter()
        .map(|proposed| proposed.action.action_type.as_str())
        .collect();
    Map::from_iter([
        ("proposalId".to_owned(), json!(proposal.id)),
        ("actionTypes".to_owned(), json!(types)),
        ("actionDigests".to_owned(), json!(digests)),
    ])
}

fn entry(proposal: &Proposal, action: &str, actor: &str, details: Map<String, Value>) -> Record {
    let targets: Vec<_> = proposal
        .actions
        .iter()
        .map(|proposed| proposed.action.target.as_str())
        .collect();
    Record {
        action: action.to_owned().into(),
        actor: actor.to_owned(),
        target: Some(targets.join(", ")),
        details,
        correlation_id: proposal.incident_id.as_ref().map(ToString::to_string),
    }
}

pub(super) fn proposed(proposal: &Proposal) -> ActionProposed {
    ActionProposed {
        request_id: proposal.id.clone(),
        action_type: action_type(proposal),
        description: proposal.description.clone(),
        reasoning: proposal.reasoning.clone(),
        requested_by: proposal.requested_by.clone(),
        incident_id: proposal.incident_id.clone(),
    }
}

pub(super) fn withdrawn(proposal: &Proposal) -> ActionWithdrawn {
    let ended = proposal.ended.clone().unwrap_or_else(|| Decision {
        by: "core".into(),
        at: proposal.created_at,
        reason: None,
    });
    ActionWithdrawn {
        request_id: proposal.id.clone(),
        status: proposal.status.as_str().to_owned(),
        ended_by: ended.by,
        reason: ended.reason,
        incident_id: proposal.incident_id.clone(),
    }
}

pub(super) fn executed(execution: &Execution) -> ActionExecuted {
    let summary = |execution: &Execution| {
        let outcome = execution.outcome.as_ref()?;
        let verdict = execution.verdict.as_ref();
        let verdict = verdict.map_or_else(String::new, |verdict| {
            format!("; check: {}", verdict.detail)
        });
        Some(format!("{}{verdict}", outcome.summary))
    };
    ActionExecuted {
        request_id: execution.proposal_id.clone(),
        action_type: execution.action.action_type.clone(),
        result: match execution.state {
            ExecutionState::Succeeded => ActionResult::Success,
            ExecutionState::Failed => ActionResult::Failure,
            ExecutionState::Unknown | ExecutionState::Running | ExecutionState::Verifying => {
                ActionResult::Unknown
            }
        },
        output: summary(execution),
        executed_by: execution.action.executor.clone(),
        executed_at: execution.ended_at.unwrap_or(execution.started_at),
        incident_id: execution.incident_id.clone(),
    }
}

/// The type of a proposal's one action, or `runbook.execute` for several.
fn action_type(proposal: &Proposal) -> String {
    match proposal.actions.as_slice() {
        [one] => one.action.action_type.clone(),
        _ => "runbook.execute".to_owned(),
    }
}
