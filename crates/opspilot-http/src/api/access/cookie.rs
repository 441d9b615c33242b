//! The cookie of a session (RFC 6265bis).
//!
//! On this machine's own names plain HTTP is enough, and the cookie is `opspilot_session`. Under any other name a browser
//! must come through TLS: there the cookie is `__Host-opspilot`, which browsers keep and send over HTTPS alone, and which
//! no other name can set.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, header};
use opspilot_core::safety::credentials::{SESSION_LIFE, SessionToken};

use super::super::names::is_local;
use super::super::problem::Problem;
use super::super::state::State;
use super::credential::Malformed;

const SECURE: &str = "__Host-opspilot";
const LOCAL: &str = "opspilot_session";

/// Which cookie a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Cookie {
    /// Over HTTPS.
    Secure,
    /// On this machine.
    Local,
}

impl Cookie {
    /// The `Set-Cookie` header that begins a session.
    pub(in crate::api) fn begin(self, token: &SessionToken) -> Option<HeaderValue> {
        let mut value = self.header(token.expose(), SESSION_LIFE.as_secs())?;
        value.set_sensitive(true);
        Some(value)
    }

    fn header(self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let (name, more) = match self {
            Self::Secure => (SECURE, "; Secure"),
            Self::Local => (LOCAL, ""),
        };
        let text =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{more}");
        HeaderValue::from_str(&text).ok()
    }
}

impl FromRequestParts<State> for Cookie {
    type Rejection = Problem;

    /// Goes by the name under which the server was asked, which the guard has checked.
    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        let header = parts.headers.get(header::HOST);
        let named = || header?.to_str().ok()?.parse::<Authority>().ok();
        let host = parts.uri.authority().cloned().or_else(named);
        Ok(match host.is_none_or(|host| is_local(&host)) {
            true => Self::Local,
            false => Self::Secure,
        })
    }
}

/// The `Set-Cookie` headers that end a session, whichever cookie it has.
pub(in crate::api) fn end_cookie() -> impl Iterator<Item = HeaderValue> {
    [Cookie::Secure, Cookie::Local]
        .into_iter()
        .filter_map(|cookie| cookie.header("", 0))
}

/// The session token among the cookies.
///
/// # Errors
/// When it cannot be one, or there are several: somebody else may have set one of them.
pub(super) fn find(headers: &HeaderMap) -> Result<Option<SessionToken>, Malformed> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut found = None;
    for (name, value) in pairs {
        if name != SECURE && name != LOCAL {
            continue;
        }
        let token = SessionToken::parse(value).ok_or(Malformed)?;
        if found.replace(token).is_some() {
            return Err(Malformed);
        }
    }
    Ok(found)
}
