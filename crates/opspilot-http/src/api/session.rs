//! Sessions of browsers: `POST /session` lets somebody in with a key, `GET` says who it is, `DELETE` ends it.

use std::net::IpAddr;

use axum::Extension;
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use opspilot_core::safety::credentials::NewSession;
use opspilot_core::safety::identity::{Identity, Kind, Method, Role};
use schemars::JsonSchema;
use serde::Serialize;

use super::access::{self, Cookie};
use super::answer::{Answer, json, json_with};
use super::body::{self, Fields};
use super::caller::Caller;
use super::metrics::Refusal;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Input, Reply, Shape};
use super::state::State;
use crate::auth::Refused;
use opspilot_net::Peer;

/// The longest key, in characters.
const KEY_LENGTH: usize = 1_000;

/// Who somebody is, as it is told to them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Who")]
struct WhoBody<'a> {
    subject: &'a str,
    role: Role,
    kind: Kind,
    method: Method,
    /// What a page sends as `X-CSRF-Token` with each change; absent without a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<&'a str>,
}

impl<'a> WhoBody<'a> {
    fn new(identity: &'a Identity, method: Method, csrf_token: Option<&'a str>) -> Self {
        Self {
            subject: identity.subject(),
            role: identity.role(),
            kind: identity.kind(),
            method,
            csrf_token,
        }
    }
}

pub(super) const SHOW: Shape = Shape::json::<WhoBody<'_>>();
pub(super) const BEGIN: Shape = Shape::of(Reply::json::<WhoBody<'_>>(201))
    .fields(&[Input::text("apiKey", KEY_LENGTH, "The key.").required()])
    .problems(&[Code::AUTH_OFF, Code::UNAUTHENTICATED]);
pub(super) const END: Shape = Shape::of(Reply::bare(204));

/// `GET /session`
pub(super) async fn show(caller: Caller, params: Params) -> Answer {
    params.finish()?;
    let csrf = caller.session().map(|session| session.csrf.as_str());
    json(&WhoBody::new(
        caller.identity(),
        caller.identity().method(),
        csrf,
    ))
}

/// `POST /session`
pub(super) async fn begin(
    Extract(state): Extract<State>,
    Extension(peer): Extension<Peer>,
    cookie: Cookie,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let key = fields.required_text("apiKey", KEY_LENGTH);
    fields.finish()?;
    let key = key.unwrap_or_default();
    log_in(&state, peer.0.ip().to_canonical(), &key, cookie).await
}

async fn log_in(state: &State, address: IpAddr, key: &str, cookie: Cookie) -> Answer {
    let (Some(authenticator), Some(access)) = (state.access.authenticator(), &state.cx.access)
    else {
        return Err(Problem::of(Code::AUTH_OFF));
    };
    let attempt = state.access.logins().attempt(address).map_err(|wait| {
        state.metrics().refused(Refusal::Credential);
        Problem::of(Code::RATE_LIMITED).retry_after(wait)
    })?;
    let (identity, source) = match authenticator.key(key).await {
        Ok(found) => found,
        Err(Refused::Broken(error)) => {
            attempt.forgive();
            return Err(error.into());
        }
        Err(refused) => {
            drop(attempt);
            return Err(refuse(state, address, &refused));
        }
    };
    attempt.forgive();
    state.require_storage()?;
    state.note_key(&source);
    let new = NewSession {
        source,
        address: address.to_string(),
    };
    let token = access.credentials.open_session(&identity, new).await?;
    let csrf = token.csrf();
    let mut response = json_with(
        StatusCode::CREATED,
        &WhoBody::new(&identity, Method::Session, Some(&csrf)),
    )?;
    let begun = cookie
        .begin(&token)
        .ok_or_else(|| Problem::internal("a session token that fits no header"))?;
    response.headers_mut().insert(header::SET_COOKIE, begun);
    Ok(response)
}

/// `DELETE /session`: ends the session that the request came with; without one there is nothing to end.
pub(super) async fn end(
    Extract(state): Extract<State>,
    caller: Caller,
) -> Result<Response, Problem> {
    if let (Some(session), Some(access)) = (caller.session(), &state.cx.access) {
        state.require_storage()?;
        access
            .credentials
            .close_session(caller.identity(), &session.id)
            .await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    for cookie in access::end_cookie() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn refuse(state: &State, address: IpAddr, refused: &Refused) -> Problem {
    state.metrics().refused(Refusal::Credential);
    let refusal = access::Entry {
        action: "auth.refused",
        address,
        subject: String::new(),
        reason: refused.reason(),
        route: "POST /session".to_owned(),
    };
    state.access.trail().write(state, refusal);
    Problem::of(Code::UNAUTHENTICATED)
}
