//! The cookie of a session (RFC 6265bis).
//!
//! On this machine's own names plain HTTP is enough, and the cookie is `opspilot_session`. Under any other name a browser
//! must come through TLS: there the cookie is `__Host-opspilot`, which browsers keep and send over HTTPS alone, and which
//! no other name can set. The plain cookie is nothing there: any host of the same domain can set it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
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
    /// The cookie under the name `host`, which the guard has checked.
    pub(super) fn of(host: Option<&Authority>) -> Self {
        match host.is_none_or(is_local) {
            true => Self::Local,
            false => Self::Secure,
        }
    }

    /// The `Set-Cookie` header that begins a session.
    pub(in crate::api) fn begin(self, token: &SessionToken) -> Option<HeaderValue> {
        self.session(token.expose(), SESSION_LIFE.as_secs())
    }

    /// The `Set-Cookie` header that ends it.
    pub(in crate::api) fn end(self) -> HeaderValue {
        ended(self.session("", 0))
    }

    /// The session token among the cookies.
    ///
    /// # Errors
    /// When it cannot be one, or there are several: somebody else may have set one of them.
    pub(in crate::api) fn find(
        self,
        headers: &HeaderMap,
    ) -> Result<Option<SessionToken>, Malformed> {
        let mut values = values(headers, self.names().0);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                let token = text(value).and_then(SessionToken::parse);
                token.map(Some).ok_or(Malformed)
            }
            (Some(_), Some(_)) => Err(Malformed),
        }
    }

    /// The `Set-Cookie` header that begins a flow of a sign-in elsewhere.
    pub(in crate::api) fn begin_flow(self, value: &str) -> Option<HeaderValue> {
        self.flow(value, FLOW_LIFE.as_secs())
    }

    /// The `Set-Cookie` header that ends it.
    pub(in crate::api) fn end_flow(self) -> HeaderValue {
        ended(self.flow("", 0))
    }

    /// The flow among the cookies; `None` if there is none, or several: somebody else may have set one of them.
    pub(in crate::api) fn find_flow(self, headers: &HeaderMap) -> Option<&str> {
        let mut values = values(headers, self.names().1);
        match (values.next(), values.next()) {
            (Some(value), None) => text(value),
            _ => None,
        }
    }

    /// The names of a session and of a flow. No other counts here.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Secure => (SECURE, FLOW_SECURE),
            Self::Local => (LOCAL, FLOW_LOCAL),
        }
    }

    fn session(self, value: &str, seconds: u64) -> Option<HeaderValue> {
        self.header((self.names().0, value), seconds, "Strict")
    }

    fn flow(self, value: &str, seconds: u64) -> Option<HeaderValue> {
        self.header((self.names().1, value), seconds, "Lax")
    }

    fn header(self, (name, value): (&str, &str), seconds: u64, site: &str) -> Option<HeaderValue> {
        let more = match self {
            Self::Secure => "; Secure",
            Self::Local => "",
        };
        let text =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{more}");
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl FromRequestParts<State> for Cookie {
    type Rejection = Problem;

    /// Goes by the name under which the server was asked, which the guard has checked.
    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        Ok(Self::of(host(&parts.uri, &parts.headers).as_ref()))
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
        let host = host(&parts.uri, &parts.headers)
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

/// The name under which the server was asked; an absolute target takes precedence (RFC 9112, section 3.2.2).
pub(super) fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let named = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    uri.authority().cloned().or_else(named)
}

/// What the cookies of this name hold. What others set beside them may be any bytes, and none of it is taken for white
/// space but what RFC 6265bis says is: a name with more in front of it is another name.
fn values<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            rest.strip_prefix(b"=")
        })
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// Names and numbers are header values.
fn ended(header: Option<HeaderValue>) -> HeaderValue {
    header.unwrap_or_else(|| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&[u8]]) -> HeaderMap {
        let values = cookies
            .iter()
            .map(|bytes| HeaderValue::from_bytes(bytes).unwrap());
        values.map(|value| (header::COOKIE, value)).collect()
    }

    /// Whose session is found: `Ok(None)` for nobody's.
    fn found(cookie: Cookie, cookies: &[&str]) -> Result<Option<char>, Malformed> {
        let lines: Vec<_> = cookies.iter().map(|text| text.as_bytes()).collect();
        let token = cookie.find(&headers(&lines))?;
        Ok(token.and_then(|token| token.expose().chars().next()))
    }

    #[test]
    fn only_the_name_that_this_site_sets_is_read() {
        let (mine, other) = ("m".repeat(43), "o".repeat(43));
        let secure = format!("__Host-opspilot={mine}");
        let tossed = format!("opspilot_session={other}");
        let both = format!("{tossed}; {secure}");
        for (cookie, cookies, expected) in [
            (Cookie::Secure, vec![secure.as_str()], Ok(Some('m'))),
            (Cookie::Secure, vec![tossed.as_str()], Ok(None)),
            (Cookie::Secure, vec![both.as_str()], Ok(Some('m'))),
            (Cookie::Secure, vec![&tossed, &secure], Ok(Some('m'))),
            (
                Cookie::Secure,
                vec!["opspilot_session=x", &secure],
                Ok(Some('m')),
            ),
            (Cookie::Secure, vec![&secure, &secure], Err(Malformed)),
            (
                Cookie::Secure,
                vec![&secure, "__Host-opspilot="],
                Err(Malformed),
            ),
            (Cookie::Local, vec![both.as_str()], Ok(Some('o'))),
            (Cookie::Local, vec![secure.as_str()], Ok(None)),
            (Cookie::Local, vec!["opspilot_session=x"], Err(Malformed)),
        ] {
            assert_eq!(found(cookie, &cookies), expected, "{cookie:?} {cookies:?}");
        }
        let flow = |cookie: Cookie, text: &str| {
            let headers = headers(&[text.as_bytes()]);
            cookie.find_flow(&headers).map(str::to_owned)
        };
        let both = "opspilot_oidc=other; __Host-opspilot-oidc=mine";
        assert_eq!(flow(Cookie::Secure, both).as_deref(), Some("mine"));
        assert_eq!(flow(Cookie::Local, both).as_deref(), Some("other"));
        assert_eq!(flow(Cookie::Secure, "opspilot_oidc=other"), None);
        assert_eq!(
            flow(Cookie::Local, "opspilot_oidc=a; opspilot_oidc=b"),
            None
        );
    }

    /// Cookies that a host of the same domain may set, and that a careless reader takes for ours, or stumbles over.
    #[test]
    fn cookies_of_others_are_neither_ours_nor_in_the_way() {
        let (mine, other) = ("m".repeat(43), "o".repeat(43));
        let mine = format!("__Host-opspilot={mine}");
        for stranger in [
            "n=\u{e4}".to_owned(),
            format!("\u{2000}__Host-opspilot={other}"),
            format!("\u{85}__Host-opspilot={other}"),
            format!("__host-opspilot={other}"),
            format!("__Host-opspilot ={other}"),
            format!("x__Host-opspilot={other}"),
            format!("__Host-opspilot-x={other}"),
        ] {
            let both = format!("{stranger}; {mine}");
            assert_eq!(found(Cookie::Secure, &[&both]), Ok(Some('m')), "{both}");
            assert_eq!(found(Cookie::Secure, &[&stranger]), Ok(None), "{stranger}");
        }
        let bytes = [b"n=\xff; ".as_slice(), mine.as_bytes()].concat();
        let token = Cookie::Secure.find(&headers(&[&bytes]));
        assert!(token.unwrap().is_some());
    }
}
