//! Tokens (JWT): listing, issuing and revoking them.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::safety::credentials::{SubjectRule, Token};
use opspilot_core::safety::identity::{Kind, Role};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::keys::NAME_LENGTH;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Form, Input, Reply, Shape};
use super::state::State;
use crate::auth::{Asked, Issuer};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TokenList")]
struct ListBody {
    count: usize,
    tokens: Vec<Token>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A token that was issued. The text is told this once.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IssuedToken")]
struct IssuedBody<'a> {
    jwt: &'a str,
    token: Token,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().paged();
pub(super) const ISSUE: Shape = Shape::of(Reply::json::<IssuedBody<'_>>(201))
    .fields(&[
        SUBJECT,
        Input::of::<Role>("role", "What it may.").required(),
        Input::of::<Kind>("kind", "Who uses it; `human` unless said."),
        Input::new("expiresIn", Form::Span, "How long it is valid."),
    ])
    .problems(&[Code::NO_SIGNING_KEY]);
pub(super) const REVOKE: Shape = Shape::json::<Token>().problems(&[Code::NO_SUCH_TOKEN]);
pub(super) const REVOKE_SUBJECT: Shape = Shape::json::<SubjectRule>().fields(&[SUBJECT]);

const SUBJECT: Input = Input::text("subject", NAME_LENGTH, "Whose tokens.").required();

/// `GET /tokens`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let (tokens, next) = state.credentials()?.tokens(cursor, limit).await?;
    json(&ListBody {
        count: tokens.len(),
        tokens,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `POST /tokens`
pub(super) async fn issue(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let subject = fields.required_text("subject", NAME_LENGTH);
    let role = fields.required_choice("role", "`viewer`, `operator` or `admin`");
    let kind = fields.choice("kind", "`human`, `service` or `agent`");
    let life = fields.span("expiresIn");
    fields.finish()?;
    let (Some(subject), Some(role)) = (subject, role) else {
        return Err(Problem::internal("a field that is required is absent"));
    };
    state.require_storage()?;
    let asked = Asked {
        subject,
        role,
        kind: kind.unwrap_or(Kind::Human),
        life,
    };
    let auth = state.cx.access.as_ref().map(|access| &access.auth);
    let auth = auth.ok_or_else(|| Problem::internal("the module was given no credentials"))?;
    let (text, new) = Issuer::of(auth)?.issue(&asked, state.cx.clock.now())?;
    let token = state
        .credentials()?
        .add_token(caller.identity(), new)
        .await?;
    let body = IssuedBody {
        jwt: text.expose(),
        token,
    };
    json_with(StatusCode::CREATED, &body)
}

/// `DELETE /tokens/{jti}`
pub(super) async fn revoke(
    Extract(state): Extract<State>,
    caller: Caller,
    jti: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(jti) = jti.map_err(|_| Problem::of(Code::NO_SUCH_TOKEN))?;
    state.require_storage()?;
    json(
        &state
            .credentials()?
            .revoke_token(caller.identity(), &jti)
            .await?,
    )
}

/// `POST /tokens/revoke`: every token of a subject, whoever issued it.
pub(super) async fn revoke_subject(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let subject = fields.required_text("subject", NAME_LENGTH);
    fields.finish()?;
    state.require_storage()?;
    let subject = subject.unwrap_or_default();
    json(
        &state
            .credentials()?
            .revoke_subject(caller.identity(), &subject)
            .await?,
    )
}
