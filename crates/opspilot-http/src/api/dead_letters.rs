//! Events that a consumer gave up.
//!
//! A letter's id names consumer and event, so it may contain `/` and `:`. In a path it is one segment: a slash in it is
//! written `%2F`.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use opspilot_core::bus::DeadLetter;
use schemars::JsonSchema;
use serde::Serialize;
use tracing::info;

use super::answer::{Answer, json, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Reply, Shape};
use super::state::State;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeadLetterList")]
struct ListBody {
    count: usize,
    dead_letters: Vec<DeadLetter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged();
pub(super) const RETRY: Shape = Shape::of(Reply::json::<DeadLetter>(202))
    .fields(&[])
    .problems(UNKNOWN);
pub(super) const DISCARD: Shape = Shape::of(Reply::bare(204)).problems(UNKNOWN);

const UNKNOWN: &[Code] = &[Code::NO_SUCH_DEAD_LETTER];

/// `GET /dead-letters`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let (dead_letters, next) = state.cx.system.bus().dead_letters(cursor, limit).await?;
    let next_cursor = next.map(|cursor| cursor.to_string());
    json(&ListBody {
        count: dead_letters.len(),
        dead_letters,
        next_cursor,
    })
}

/// `POST /dead-letters/{id}/retry`
pub(super) async fn retry(
    Extract(state): Extract<State>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    Fields::parse(&headers, &body::read(body, state.limits()).await?)?.finish()?;
    let id = known(id)?;
    let letter = state.cx.system.bus().retry_dead_letter(&id).await?;
    let letter = letter.ok_or_else(unknown)?;
    info!(
        letter = letter.id,
        actor = caller.name(),
        "dead letter is tried again"
    );
    json_with(StatusCode::ACCEPTED, &letter)
}

/// `DELETE /dead-letters/{id}`
pub(super) async fn discard(
    Extract(state): Extract<State>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let id = known(id)?;
    if !state.cx.system.bus().discard_dead_letter(&id).await? {
        return Err(unknown());
    }
    info!(letter = id, actor = caller.name(), "dead letter discarded");
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn known(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    id.map(|Path(id)| id).map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::of(Code::NO_SUCH_DEAD_LETTER)
}
