//! The credential that a request shows.

use axum::http::{HeaderMap, header};
use opspilot_core::safety::credentials::{KeyText, SessionToken};

use super::cookie::Cookie;

/// The longest credential that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// What a subprotocol begins with that carries a token or a stored key. A page cannot give a WebSocket other headers,
/// and an address would be logged on the way.
const PROTOCOL: &str = "opspilot.bearer.";

/// The credential that a request shows.
#[derive(Debug)]
pub(super) enum Credential {
    /// `Authorization: Bearer …` (RFC 6750, section 2.1), with a token.
    Bearer(String),
    /// `X-API-Key: …`, or a stored key as `Bearer`, for clients that know no other header.
    Key(String),
    /// The cookie of a session.
    Session(SessionToken),
}

/// The credential is not written as it must be.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::api) struct Malformed;

impl Credential {
    /// The first credential of a request to a site whose sessions have `cookie`; the others are not looked at.
    ///
    /// # Errors
    /// When that one is malformed or there are several of its kind.
    pub(super) fn of(headers: &HeaderMap, cookie: Cookie) -> Result<Option<Self>, Malformed> {
        if let Some(value) = only(headers, header::AUTHORIZATION.as_str())? {
            let (scheme, token) = value.split_once(' ').ok_or(Malformed)?;
            if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
                return Err(Malformed);
            }
            return Ok(Some(Self::of_token(token)));
        }
        if let Some(value) = only(headers, "x-api-key")? {
            return Ok(Some(Self::Key(value.to_owned())));
        }
        if let Some(token) = of_protocols(headers)? {
            return Ok(Some(Self::of_token(token)));
        }
        let token = cookie.find(headers)?;
        Ok(token.map(Self::Session))
    }

    fn of_token(token: &str) -> Self {
        match token.starts_with("opk_") {
            true => Self::Key(token.to_owned()),
            false => Self::Bearer(token.to_owned()),
        }
    }

    /// True for what could be guessed: a key that people chose. All else holds 256 random bits or a signature.
    pub(super) fn is_guessable(&self) -> bool {
        match self {
            Self::Key(text) => KeyText::parse(text).is_none(),
            Self::Bearer(_) | Self::Session(_) => false,
        }
    }
}

/// The one token among the subprotocols (RFC 6455, section 4.1) that a client offers.
fn of_protocols(headers: &HeaderMap) -> Result<Option<&str>, Malformed> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut tokens = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .filter_map(|name| name.trim().strip_prefix(PROTOCOL));
    match (tokens.next(), tokens.next()) {
        (None, _) => Ok(None),
        (Some(token), None) if !token.is_empty() && token.len() <= LONGEST => Ok(Some(token)),
        _ => Err(Malformed),
    }
}

/// The one value of a header.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Malformed> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if !value.is_empty() && value.len() <= LONGEST => {
            value.to_str().map(Some).map_err(|_| Malformed)
        }
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(pairs: &[(&'static str, &str)]) -> &'static str {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        match Credential::of(&headers, Cookie::Local) {
            Ok(Some(Credential::Bearer(_))) => "bearer",
            Ok(Some(Credential::Key(_))) => "key",
            Ok(Some(Credential::Session(_))) => "session",
            Ok(None) => "none",
            Err(Malformed) => "malformed",
        }
    }

    #[test]
    fn the_first_credential_counts_alone() {
        let cookie = format!("opspilot_session={}", "a".repeat(43));
        let cookie = cookie.as_str();
        let rows: &[(&[(&'static str, &str)], &str)] = &[
            (&[], "none"),
            (&[("authorization", "Bearer opk_a")], "key"),
            (&[("authorization", "Bearer a.b.c")], "bearer"),
            (
                &[("authorization", "bearer a"), ("x-api-key", "k")],
                "bearer",
            ),
            (&[("x-api-key", "k"), ("cookie", cookie)], "key"),
            (&[("cookie", cookie)], "session"),
            (
                &[(
                    "sec-websocket-protocol",
                    "opspilot.v1, opspilot.bearer.a.b.c",
                )],
                "bearer",
            ),
            (
                &[
                    ("sec-websocket-protocol", "opspilot.bearer.opk_a"),
                    ("cookie", cookie),
                ],
                "key",
            ),
            (
                &[
                    ("sec-websocket-protocol", "opspilot.bearer.a.b.c"),
                    ("x-api-key", "k"),
                ],
                "key",
            ),
            (
                &[
                    ("sec-websocket-protocol", "opspilot.v1"),
                    ("cookie", cookie),
                ],
                "session",
            ),
            (
                &[("sec-websocket-protocol", "opspilot.bearer.")],
                "malformed",
            ),
            (
                &[
                    ("sec-websocket-protocol", "opspilot.bearer.a"),
                    ("sec-websocket-protocol", "opspilot.bearer.b"),
                ],
                "malformed",
            ),
            (&[("cookie", "other=1")], "none"),
            (
                &[("authorization", "Basic YTpi"), ("x-api-key", "k")],
                "malformed",
            ),
            (
                &[("authorization", "Bearer"), ("x-api-key", "k")],
                "malformed",
            ),
            (&[("authorization", "")], "malformed"),
            (
                &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
                "malformed",
            ),
            (&[("x-api-key", "")], "malformed"),
            (&[("x-api-key", "a"), ("x-api-key", "b")], "malformed"),
            (&[("x-api-key", "ä")], "malformed"),
            (&[("cookie", "opspilot_session=short")], "malformed"),
            (
                &[("cookie", cookie), ("cookie", "opspilot_session=short")],
                "malformed",
            ),
        ];
        for (pairs, expected) in rows {
            assert_eq!(kind(pairs), *expected, "{pairs:?}");
        }
    }
}
