//! When somebody showed the issuer who they are.
//!
//! An issuer lets whoever has a session there through without a question, so that a sign-in here proves nothing of who
//! sits at the browser now. Its `auth_time` says when they were asked last (OpenID Connect Core 1.0, section 2). What is
//! critical goes by that, and a sign-in that must prove something asks for it.

use opspilot_core::clock::Timestamp;
use serde_json::{Map, Value};

use super::super::claims::{LEEWAY, moment};
use super::OidcError;
use super::flow::Flow;

/// How the issuer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// As it likes.
    Usual,
    /// To let nobody through who does not show now who they are.
    Anew,
}

impl Ask {
    /// What the issuer is asked besides (section 3.1.2.1). `prompt` is what more issuers obey; `max_age` is what makes
    /// them tell when it was.
    pub(super) const fn parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Usual => &[],
            Self::Anew => &[("prompt", "login"), ("max_age", "0")],
        }
    }

    /// What it is called in a cookie.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Anew => "anew",
        }
    }

    /// What a cookie calls by `word`.
    pub(super) fn of(word: &str) -> Option<Self> {
        let all = [Self::Usual, Self::Anew];
        all.into_iter().find(|ask| ask.word() == word)
    }
}

/// When whoever `claims` are about showed who they are, as far as the issuer says: after `flow` began, if that asked for
/// it (section 3.1.3.7, item 13).
///
/// # Errors
/// When it cannot be, or is not what was asked for.
pub(super) fn proven_at(
    claims: &Map<String, Value>,
    flow: &Flow,
    now: Timestamp,
) -> Result<Option<Timestamp>, OidcError> {
    let failed = |reason: &str| OidcError::Failed(format!("id_token: {reason}"));
    let given = claims.get("auth_time").map(|_| moment(claims, "auth_time"));
    let shown = match given {
        None => None,
        Some(Some(shown)) => Some(shown),
        Some(None) => return Err(failed("its `auth_time` cannot be read")),
    };
    if shown.is_some_and(|shown| shown > now.plus(LEEWAY)) {
        let reason = "its `auth_time` is in the future: compare the clocks";
        return Err(failed(reason));
    }
    match (flow.ask, shown) {
        (Ask::Anew, None) => Err(OidcError::NoTime),
        (Ask::Anew, Some(shown)) if shown.plus(LEEWAY) < flow.begun => Err(OidcError::NotAsked),
        _ => Ok(shown),
    }
}
