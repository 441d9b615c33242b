//! API keys: listing, making and revoking them.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::safety::credentials::{Credentials, KEY_LIFE, Key, NewKey};
use opspilot_core::safety::identity::{Kind, Role};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Form, Input, Reply, Shape};
use super::state::State;

/// The longest label and subject, in characters.
pub(super) const NAME_LENGTH: usize = 200;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "KeyList")]
struct ListBody {
    count: usize,
    keys: Vec<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A key that was made. The text is told this once.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedKey")]
struct CreatedBody<'a> {
    api_key: &'a str,
    key: Key,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged();
pub(super) const CREATE: Shape = Shape::of(Reply::json::<CreatedBody<'_>>(201)).fields(&[
    Input::text("label", NAME_LENGTH, "What to call it.").required(),
    Input::of::<Role>("role", "What it may.").required(),
    Input::of::<Kind>("kind", "Who uses it; `service` unless said."),
    Input::new("expiresIn", Form::Span, "How long it is valid."),
]);
pub(super) const REVOKE: Shape = Shape::json::<Key>().problems(&[Code::NO_SUCH_KEY]);

/// `GET /keys`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let (keys, next) = state.credentials()?.keys(cursor, limit).await?;
    json(&ListBody {
        count: keys.len(),
        keys,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `POST /keys`
pub(super) async fn create(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let label = fields.required_text("label", NAME_LENGTH);
    let role = fields.required_choice("role", "`viewer`, `operator` or `admin`");
    let kind = fields.choice("kind", "`human`, `service` or `agent`");
    let life = fields.span("expiresIn");
    fields.finish()?;
    let (Some(label), Some(role)) = (label, role) else {
        return Err(Problem::internal("a field that is required is absent"));
    };
    state.require_storage()?;
    let new = NewKey {
        label,
        role,
        kind: kind.unwrap_or(Kind::Service),
        life: life.unwrap_or(KEY_LIFE),
    };
    let (key, text) = state
        .credentials()?
        .create_key(caller.identity(), new)
        .await?;
    let body = CreatedBody {
        api_key: text.expose(),
        key,
    };
    json_with(StatusCode::CREATED, &body)
}

/// `DELETE /keys/{id}`
pub(super) async fn revoke(
    Extract(state): Extract<State>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(|_| Problem::of(Code::NO_SUCH_KEY))?;
    state.require_storage()?;
    json(
        &state
            .credentials()?
            .revoke_key(caller.identity(), &id)
            .await?,
    )
}

impl State {
    /// Keys, tokens and sessions.
    ///
    /// # Errors
    /// When the module was not given them.
    pub(super) fn credentials(&self) -> Result<&Credentials, Problem> {
        let access = self.cx.access.as_ref();
        access
            .map(|access| &access.credentials)
            .ok_or_else(|| Problem::internal("the module was given no credentials"))
    }
}
