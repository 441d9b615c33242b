//! Sessions of browsers: `POST /session` lets somebody in with a key or a password, `GET` says who it is, `DELETE` ends
//! it.

pub(super) mod oidc;

use std::net::IpAddr;

use axum::Extension;
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use opspilot_core::config::Secret;
use opspilot_core::safety::credentials::{
    Invalid, NewSession, PASSWORD_BYTES, SessionToken, Source, USER_NAME_LENGTH,
};
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
use crate::auth::{Authenticator, Refused};
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
    .one_of(&[
        &[Input::text("apiKey", KEY_LENGTH, "The key.").required()],
        &[
            Input::text("username", USER_NAME_LENGTH, "The name of a user.").required(),
            Input::text("password", PASSWORD_BYTES, "The user's password.").required(),
        ],
    ])
    .problems(&[Code::AUTH_OFF, Code::UNAUTHENTICATED, Code::BUSY]);
pub(super) const METHODS: Shape = Shape::json::<MethodsBody<'_>>();
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
    let shown = Shown::read(&mut fields);
    fields.finish()?;
    let shown = shown.ok_or_else(|| Problem::internal("a field that is required is absent"))?;
    let address = peer.0.ip().to_canonical();
    let (identity, source) = prove(&state, address, shown).await?;
    end_before(&state, cookie, &headers).await?;
    let token = begin_session(&state, address, &identity, source).await?;
    let csrf = token.csrf();
    let who = WhoBody::new(&identity, Method::Session, Some(&csrf));
    let mut response = json_with(StatusCode::CREATED, &who)?;
    let begun = cookie
        .begin(&token)
        .ok_or_else(|| Problem::internal("a session token that fits no header"))?;
    response.headers_mut().insert(header::SET_COOKIE, begun);
    Ok(response)
}

/// What somebody shows to be let in.
enum Shown {
    Key(Secret),
    Password { name: String, password: Secret },
}

impl Shown {
    /// Reads one of the two; `None` after a fault.
    fn read(fields: &mut Fields) -> Option<Self> {
        let key = fields.text("apiKey", KEY_LENGTH);
        let name = fields.text("username", USER_NAME_LENGTH);
        let password = fields.text("password", PASSWORD_BYTES);
        match (key, name, password) {
            (Some(key), None, None) => Some(Self::Key(Secret::new(key))),
            (None, Some(name), Some(password)) => Some(Self::Password {
                name,
                password: Secret::new(password),
            }),
            _ => {
                fields.refuse("apiKey", "write either this, or `username` and `password`");
                None
            }
        }
    }

    /// Whose it is.
    async fn check(&self, authenticator: &Authenticator) -> Result<(Identity, Source), Refused> {
        match self {
            Self::Key(key) => authenticator.key(key.expose()).await,
            Self::Password { name, password } => {
                authenticator.password(name, password.clone()).await
            }
        }
    }

    /// Why it is refused, for the audit log. What is typed for the name of nobody may be a password.
    fn reason(&self, refused: &Refused) -> String {
        match (self, refused) {
            (Self::Password { name, .. }, Refused::Invalid(Invalid::Password)) => {
                format!("password of {name}")
            }
            _ => refused.reason(),
        }
    }
}

/// Who shows `shown` from `address`, unless too much was tried from there.
async fn prove(
    state: &State,
    address: IpAddr,
    shown: Shown,
) -> Result<(Identity, Source), Problem> {
    let Some(authenticator) = state.access.authenticator() else {
        return Err(Problem::of(Code::AUTH_OFF));
    };
    let attempt = state.access.logins().attempt(address).map_err(|wait| {
        state.metrics().refused(Refusal::Credential);
        Problem::of(Code::RATE_LIMITED).retry_after(wait)
    })?;
    match shown.check(authenticator).await {
        Ok(found) => {
            attempt.forgive();
            Ok(found)
        }
        Err(Refused::Broken(error)) => {
            attempt.forgive();
            Err(error.into())
        }
        Err(refused) => {
            drop(attempt);
            refuse(state, address, shown.reason(&refused), "POST /session");
            Err(Problem::of(Code::UNAUTHENTICATED))
        }
    }
}

/// Ends the session that the browser had so far: whoever signs in again leaves none behind (ASVS 5.0, V7.2.4).
async fn end_before(state: &State, cookie: Cookie, headers: &HeaderMap) -> Result<(), Problem> {
    let (Some(authenticator), Ok(Some(token))) =
        (state.access.authenticator(), cookie.find(headers))
    else {
        return Ok(());
    };
    let Ok((identity, session)) = authenticator.session(&token).await else {
        return Ok(());
    };
    let credentials = state.credentials()?;
    Ok(credentials.close_session(&identity, &session.id).await?)
}

/// Begins a session of `identity`.
async fn begin_session(
    state: &State,
    address: IpAddr,
    identity: &Identity,
    source: Source,
) -> Result<SessionToken, Problem> {
    state.require_storage()?;
    state.note_key(&source);
    let new = NewSession {
        source,
        address: address.to_string(),
    };
    Ok(state.credentials()?.open_session(identity, new).await?)
}

/// How people sign in here. Whoever looks at the sign-in page may know.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SignInMethods")]
struct MethodsBody<'a> {
    /// False while authentication is off: everybody is in.
    is_required: bool,
    /// With an API key.
    api_key: bool,
    /// With a name and a password.
    password: bool,
    /// At an identity provider; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    oidc: Option<OidcBody<'a>>,
}

/// An identity provider.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IdentityProvider")]
struct OidcBody<'a> {
    /// What people call it.
    name: &'a str,
    /// False if it did not work when it was asked last.
    is_available: bool,
}

/// `GET /session/methods`
pub(super) async fn methods(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let authenticator = state.access.authenticator();
    let password = match authenticator {
        Some(authenticator) => authenticator.has_passwords().await?,
        None => false,
    };
    let oidc = authenticator.and_then(Authenticator::oidc);
    let oidc = oidc.map(|oidc| OidcBody {
        name: oidc.name(),
        is_available: oidc.is_available(),
    });
    json(&MethodsBody {
        is_required: authenticator.is_some(),
        api_key: authenticator.is_some(),
        password,
        oidc,
    })
}

/// `DELETE /session`: ends the session that the request came with; without one there is nothing to end.
pub(super) async fn end(
    Extract(state): Extract<State>,
    caller: Caller,
    cookie: Cookie,
) -> Result<Response, Problem> {
    if let (Some(session), Some(access)) = (caller.session(), &state.cx.access) {
        state.require_storage()?;
        access
            .credentials
            .close_session(caller.identity(), &session.id)
            .await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::SET_COOKIE, cookie.end());
    Ok(response)
}

/// Counts and writes down a sign-in that failed.
fn refuse(state: &State, address: IpAddr, reason: String, route: &str) {
    state.metrics().refused(Refusal::Credential);
    let refusal = access::Entry {
        action: "auth.refused",
        address,
        subject: String::new(),
        reason,
        route: route.to_owned(),
    };
    state.access.trail().write(state, refusal);
}
