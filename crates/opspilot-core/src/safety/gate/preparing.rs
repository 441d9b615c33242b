//! From a draft to a proposal: arguments checked, targets looked at, dry runs made.

use std::time::Duration;

use super::{Arguments, GateError, Inner};
use crate::incident::IncidentId;
use crate::safety::action::Action;
use crate::safety::catalogue::{ActionError, ActionType, Policy};
use crate::safety::proposal::{Proposal, ProposalStatus, Proposed};

/// The most actions of one proposal that is held; of another, one.
const ACTIONS: usize = 50;

/// How long a target may take to say how it is or what it would do.
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody wants to have done.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The actions, in order.
    pub items: Vec<Item>,
    /// What it is for.
    pub description: String,
    /// Why.
    pub reasoning: String,
    /// The incident that it should help, if any.
    pub incident: Option<IncidentId>,
    /// The person whose wish it is, where a module proposes for somebody: they may not decide it.
    pub asked_by: Option<String>,
    /// True if the actions start when the proposer says so, not at the approval.
    pub held: bool,
}

/// One action of a draft.
#[derive(Debug, Clone)]
pub struct Item {
    /// The type of action.
    pub action_type: String,
    /// The values of its parameters.
    pub arguments: Arguments,
    /// The arguments whose text comes from a log line.
    pub from_evidence: Vec<String>,
}

pub(super) async fn prepare(
    gate: &Inner,
    draft: Draft,
    requested_by: &str,
) -> Result<Proposal, GateError> {
    let count = draft.items.len();
    let limit = if draft.held { ACTIONS } else { 1 };
    if !(1..=limit).contains(&count) {
        return Err(GateError::Count { count, limit });
    }
    let mut actions = Vec::with_capacity(count);
    let mut policy: Option<Policy> = None;
    for item in draft.items {
        let name = item.action_type.clone();
        let action_type = gate
            .catalogue
            .get(&name)
            .ok_or(GateError::UnknownType(name))?;
        let theirs = action_type.policy();
        policy = Some(policy.map_or_else(|| theirs.clone(), |policy| policy.stricter(&theirs)));
        actions.push(propose_one(&*action_type, item).await?);
    }
    let policy = policy.unwrap_or_default();
    let now = gate.clock.now();
    Ok(Proposal {
        id: uuid::Uuid::now_v7().to_string(),
        status: ProposalStatus::Pending,
        actions,
        description: draft.description,
        reasoning: draft.reasoning,
        requested_by: requested_by.to_owned(),
        asked_by: draft.asked_by,
        incident_id: draft.incident,
        created_at: now,
        expires_at: now.plus(policy.max_age()),
        policy,
        approvals: Vec::new(),
        ended: None,
        token: None,
        held: draft.held,
    })
}

async fn propose_one(action_type: &dyn ActionType, item: Item) -> Result<Proposed, GateError> {
    let plan = action_type
        .plan(&item.arguments)
        .map_err(|source| GateError::Arguments {
            action_type: item.action_type.clone(),
            source,
        })?;
    let unavailable = |error: ActionError| GateError::Unavailable {
        action_type: item.action_type.clone(),
        detail: error.0,
    };
    let precondition = in_time(action_type.observe(&item.arguments))
        .await
        .map_err(unavailable)?;
    let dry_run = in_time(action_type.dry_run(&item.arguments))
        .await
        .map_err(unavailable)?;
    Ok(Proposed {
        action: Action {
            executor: action_type.executor().to_owned(),
            action_type: item.action_type,
            target: plan.target.clone(),
            arguments: item.arguments,
            recipe: action_type.recipe(),
            precondition,
        },
        plan,
        policy: action_type.policy(),
        dry_run,
        from_evidence: item.from_evidence,
    })
}

/// The answer of a target, or that it took too long.
pub(super) async fn in_time<T>(
    answer: impl Future<Output = Result<T, ActionError>>,
) -> Result<T, ActionError> {
    let late = |_| {
        Err(ActionError(format!(
            "no answer within {} s",
            PATIENCE.as_secs()
        )))
    };
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(late)
}
