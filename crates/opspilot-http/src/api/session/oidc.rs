//! Signing in at an identity provider: `GET /session/oidc` sends a browser there, and the browser comes back to
//! `GET /session/oidc/callback`.
//!
//! Both are for people in front of a page, so what goes wrong is told by the sign-in page: it is sent there with one of
//! a few words. Where a browser is sent never depends on what it says.

use std::net::IpAddr;

use axum::Extension;
use axum::extract::{Query, State as Extract};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use opspilot_core::module::HealthStatus;
use opspilot_core::safety::identity::Identity;
use opspilot_net::Peer;

use super::super::access::{Cookie, Site};
use super::super::answer::Answer;
use super::super::metrics::Refusal;
use super::super::params::Params;
use super::super::problem::{Code, Problem};
use super::super::routes::{Form, Input, Reply, Shape};
use super::super::state::State;
use super::begin_session;
use crate::auth::{Ask, Oidc, OidcError, Returned};

pub(in crate::api) const BEGIN: Shape = Shape::of(Reply::bare(303))
    .query(&[Input::new(
        "fresh",
        Form::Words(&["true", "false"]),
        "True to have the provider ask who it is, whatever session there is: what administers the server wants that.",
    )])
    .problems(&[Code::NO_OIDC]);
pub(in crate::api) const RETURN: Shape =
    Shape::of(Reply::bare(303)).problems(&[Code::NO_OIDC, Code::STORAGE_UNAVAILABLE]);

/// Where the dashboard is.
const HOME: &str = "/";

/// What is told on the sign-in page. The dashboard knows these words.
const UNAVAILABLE: &str = "unavailable";
const DENIED: &str = "denied";
const FAILED: &str = "failed";
const NO_ROLE: &str = "no-role";
const NOT_ASKED: &str = "not-asked";
const NO_TIME: &str = "no-auth-time";
const LIMITED: &str = "limited";

/// `GET /session/oidc`
///
/// It ends the session that the browser has, if any: on the way back from the issuer, another site, no browser shows it.
pub(in crate::api) async fn begin(
    Extract(state): Extract<State>,
    site: Site,
    mut params: Params,
    headers: HeaderMap,
) -> Answer {
    let ask = asked(&mut params);
    params.finish()?;
    let oidc = offered(&state)?;
    let redirect = redirect(&state, &site);
    match oidc.begin(ask, &redirect, state.cx.clock.now()).await {
        Ok(begun) => {
            note(&state, None);
            super::end_before(&state, site.cookie, &headers).await?;
            let kept = site.cookie.begin_flow(&begun.cookie);
            let kept = kept.ok_or_else(|| Problem::internal("a flow that fits no header"))?;
            with_cookie(send(&begun.location)?, kept)
        }
        Err(error) => {
            note(&state, Some(&error));
            back(UNAVAILABLE)
        }
    }
}

/// `GET /session/oidc/callback`
pub(in crate::api) async fn end(
    Extract(state): Extract<State>,
    Extension(peer): Extension<Peer>,
    site: Site,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let oidc = offered(&state)?;
    let (address, now) = (peer.0.ip().to_canonical(), state.cx.clock.now());
    let returned = returned(&uri);
    // Whoever shows what nobody guesses spends no attempt of the others behind this address.
    let flow = match oidc.recognise(site.cookie.find_flow(&headers), &returned, now) {
        Ok(flow) => flow,
        Err(error) => return turn_away(&state, address, &site, &error),
    };
    let Ok(attempt) = state.access.logins().attempt(address) else {
        state.metrics().refused(Refusal::Credential);
        return back(LIMITED);
    };
    let redirect = redirect(&state, &site);
    let (identity, source) = match oidc.finish(flow, returned, &redirect, now).await {
        Ok(found) => found,
        Err(error) => {
            match error {
                OidcError::Unavailable(_) => attempt.forgive(),
                _ => drop(attempt),
            }
            note(&state, Some(&error));
            return turn_away(&state, address, &site, &error);
        }
    };
    attempt.forgive();
    note(&state, None);
    let response = enter(&state, (&identity, source), (address, site.cookie)).await?;
    with_cookie(response, site.cookie.end_flow())
}

/// Writes down why nobody is in, and tells it on the sign-in page.
fn turn_away(state: &State, address: IpAddr, site: &Site, error: &OidcError) -> Answer {
    let route = "GET /session/oidc/callback";
    super::refuse(state, address, error.reason(), route);
    with_cookie(back(word_for(error))?, site.cookie.end_flow())
}

/// Opens the session, and shows the dashboard.
async fn enter(
    state: &State,
    (identity, source): (&Identity, opspilot_core::safety::credentials::Source),
    (address, cookie): (IpAddr, Cookie),
) -> Answer {
    let token = begin_session(state, address, identity, source).await?;
    let begun = cookie
        .begin(&token)
        .ok_or_else(|| Problem::internal("a session token that fits no header"))?;
    with_cookie(send(HOME)?, begun)
}

fn offered(state: &State) -> Result<&Oidc, Problem> {
    let authenticator = state.access.authenticator();
    let oidc = authenticator.and_then(|authenticator| authenticator.oidc());
    oidc.ok_or_else(|| Problem::of(Code::NO_OIDC))
}

/// How the provider is asked.
fn asked(params: &mut Params) -> Ask {
    match params.parsed("fresh", "write `true` or `false`") {
        Some(true) => Ask::Anew,
        Some(false) | None => Ask::Usual,
    }
}

/// The one address to come back to under this name.
fn redirect(state: &State, site: &Site) -> String {
    format!("{}{}/session/oidc/callback", site.origin, state.base_path())
}

/// What the issuer sent along; of anything that is there twice, nothing.
fn returned(uri: &Uri) -> Returned {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let pairs = pairs.map(|Query(pairs)| pairs).unwrap_or_default();
    let only = |name: &str| {
        let mut given = pairs.iter().filter(|(key, _)| key == name);
        match (given.next(), given.next()) {
            (Some((_, value)), None) => Some(value.clone()),
            _ => None,
        }
    };
    let error = only("error").map(|error| crate::auth::word(&error).to_owned());
    Returned {
        code: only("code"),
        state: only("state"),
        issuer: only("iss"),
        error,
    }
}

const fn word_for(error: &OidcError) -> &'static str {
    match error {
        OidcError::Unavailable(_) => UNAVAILABLE,
        OidcError::Denied(_) => DENIED,
        OidcError::Failed(_) => FAILED,
        OidcError::NoRole(_) => NO_ROLE,
        OidcError::NotAsked => NOT_ASKED,
        OidcError::NoTime => NO_TIME,
    }
}

/// Tells in the module's health whether the issuer works.
fn note(state: &State, error: Option<&OidcError>) {
    match error {
        None => state.cx.health.clear("oidc"),
        Some(OidcError::Unavailable(reason)) => {
            let message = format!("nobody can sign in by OIDC, while all else works: {reason}");
            tracing::warn!(error = reason, "the identity provider does not work");
            state
                .cx
                .health
                .raise("oidc", HealthStatus::Degraded, message);
        }
        Some(_) => {}
    }
}

fn back(word: &'static str) -> Answer {
    send(&format!("{HOME}?signin={word}"))
}

fn send(location: &str) -> Answer {
    let location = HeaderValue::from_str(location)
        .map_err(|_| Problem::internal("an address that fits no header"))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Answer {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}
