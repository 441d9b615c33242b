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
use super::super::problem::{Code, Problem};
use super::super::state::State;
use super::credential::Malformed;
use crate::auth::FLOW_LIFE;

const SECURE: &str = "__Host-opspilot";
const LOCAL: &str = "opspilot_session";

/// The cookie of somebody who is signing in at an identity provider. A browser that comes back from there shows it: it
/// comes from another site, which `Strict` forbids.
const FLOW_SECURE: &str = "__Host-opspilot-oidc";
const FLOW_LOCAL: &str = "opspilot_oidc";

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
        self.header(token.expose(), SESSION_LIFE.as_secs())
    }

    /// The `Set-Cookie` header that begins a flow of a sign-in elsewhere.
    pub(in crate::api) fn begin_flow(self, value: &str) -> Option<HeaderValue> {
        self.flow_header(value, FLOW_LIFE.as_secs())
    }

    /// The `Set-Cookie` header that ends it.
    pub(in crate::api) fn end_flow(self) -> HeaderValue {
        let ended = self.flow_header("", 0);
        // Names and numbers are header values.
        ended.unwrap_or_else(|| HeaderValue::from_static(""))
    }

    fn header(self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let name = match self {
            Self::Secure => SECURE,
            Self::Local => LOCAL,
        };
        self.cookie(&format!("{name}={value}"), seconds, "Strict")
    }

    fn flow_header(self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let name = match self {
            Self::Secure => FLOW_SECURE,
            Self::Local => FLOW_LOCAL,
        };
        self.cookie(&format!("{name}={value}"), seconds, "Lax")
    }

    fn cookie(self, pair: &str, seconds: u64, site: &str) -> Option<HeaderValue> {
        let more = match self {
            Self::Secure => "; Secure",
            Self::Local => "",
        };
        let text = format!("{pair}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{more}");
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl FromRequestParts<State> for Cookie {
    type Rejection = Problem;

    /// Goes by the name under which the server was asked, which the guard has checked.
    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        Ok(Self::of(host(parts).as_ref()))
    }
}

impl Cookie {
    fn of(host: Option<&Authority>) -> Self {
        match host.is_none_or(is_local) {
            true => Self::Local,
            false => Self::Secure,
        }
    }
}

/// Under which name a browser reaches the server.
#[derive(Debug)]
pub(in crate::api) struct Site {
    pub(in crate::api) cookie: Cookie,
    /// Its origin, such as `https://ops.example.org`.
    pub(in crate::api) origin: String,
}

impl FromRequestParts<State> for Site {
    type Rejection = Problem;

    /// The name is one of the server's own: the guard has checked it.
    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        let host = host(parts)
            .ok_or_else(|| Problem::of(Code::INVALID_REQUEST).detail("the request has no host"))?;
        let cookie = Cookie::of(Some(&host));
        let scheme = match cookie {
            Cookie::Secure => "https",
            Cookie::Local => "http",
        };
        let name = host.as_str().to_ascii_lowercase();
        Ok(Self {
            cookie,
            origin: format!("{scheme}://{name}"),
        })
    }
}

fn host(parts: &Parts) -> Option<Authority> {
    let header = parts.headers.get(header::HOST);
    let named = || header?.to_str().ok()?.parse::<Authority>().ok();
    parts.uri.authority().cloned().or_else(named)
}

/// The value of the flow's cookie; `None` if there is none, or several: somebody else may have set one of them.
pub(in crate::api) fn flow_of(headers: &HeaderMap) -> Option<String> {
    let mut found = pairs(headers).filter(|(name, _)| [FLOW_SECURE, FLOW_LOCAL].contains(name));
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value.to_owned()),
        _ => None,
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
    let mut found = None;
    for (name, value) in pairs(headers) {
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

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}
