//! What was done, and the types of action that there are.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use opspilot_core::safety::execution::Execution;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json};
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Input, Shape};
use super::state::State;
use super::views::TypeBody;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionList")]
struct ListBody {
    count: usize,
    executions: Vec<Execution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The types of action.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActionTypeList")]
struct TypesBody {
    count: usize,
    actions: Vec<TypeBody>,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged().query(&[Input::text(
    "proposal",
    usize::MAX,
    "Executions of this proposal.",
)]);
pub(super) const GET: Shape = Shape::json::<Execution>().problems(&[Code::NO_SUCH_EXECUTION]);
pub(super) const TYPES: Shape = Shape::json::<TypesBody>();

/// `GET /executions`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let proposal = params.text("proposal");
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let gate = state.cx.actions.gate();
    let (executions, next) = gate.executions(proposal.as_deref(), cursor, limit).await?;
    json(&ListBody {
        count: executions.len(),
        executions,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `GET /executions/{id}`
pub(super) async fn get(
    Extract(state): Extract<State>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let unknown = || Problem::of(Code::NO_SUCH_EXECUTION);
    let Path(id) = id.map_err(|_| unknown())?;
    let found = state.cx.actions.gate().execution(&id).await?;
    json(&found.ok_or_else(unknown)?)
}

/// `GET /actions`
pub(super) async fn types(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let types: Vec<_> = state
        .cx
        .actions
        .gate()
        .catalogue()
        .all()
        .into_iter()
        .map(|(name, found)| TypeBody::of(name, &*found))
        .collect();
    json(&TypesBody {
        count: types.len(),
        actions: types,
    })
}
