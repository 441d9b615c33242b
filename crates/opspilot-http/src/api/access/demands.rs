//! What a row demands of somebody who is known.

use std::time::Duration;

use axum::http::HeaderMap;
use opspilot_core::config::Role as CallerRole;
use subtle::ConstantTimeEq as _;

use super::super::caller::{Caller, OpenSession};
use super::super::metrics::Refusal;
use super::super::problem::{Code, Problem};
use super::super::routes::Verb;
use super::Door;

/// The header that carries a session's CSRF token.
const CSRF: &str = "x-csrf-token";

/// How long a session is enough for what is critical after somebody showed who they are.
const FRESH: Duration = Duration::from_mins(15);

impl Door {
    pub(super) fn check_csrf(&self, headers: &HeaderMap, caller: &Caller) -> Result<(), Problem> {
        let Some(session) = caller.session().filter(|_| self.route.method != Verb::Get) else {
            return Ok(());
        };
        let mut given = headers.get_all(CSRF).iter();
        let (one, more) = (given.next(), given.next());
        let is_right = one
            .filter(|_| more.is_none())
            .is_some_and(|token| bool::from(token.as_bytes().ct_eq(session.csrf.as_bytes())));
        if is_right {
            return Ok(());
        }
        self.state.metrics().refused(Refusal::Csrf);
        self.write(
            "auth.refused",
            caller.address(),
            caller.identity().subject(),
            "csrf",
        );
        Err(Problem::of(Code::CSRF))
    }

    pub(super) fn authorise(&self, caller: &Caller) -> Result<(), Problem> {
        let (role, kind) = (caller.identity().role(), caller.identity().kind());
        if self.route.admits(role, kind) {
            return Ok(());
        }
        self.state.metrics().refused(Refusal::Role);
        let subject = caller.identity().subject();
        self.write("auth.forbidden", caller.address(), subject, role_name(role));
        Err(Problem::of(Code::FORBIDDEN))
    }

    /// A browser that was left open must not be enough to change who may do what: somebody has to sign in again.
    pub(super) fn check_fresh(&self, caller: &Caller) -> Result<(), Problem> {
        let now = self.state.cx.clock.now();
        let is_fresh = |at| now.since(at) < FRESH;
        let is_old = |session: &OpenSession| !session.proven_at.is_some_and(is_fresh);
        if !self.route.is_critical() || !caller.session().is_some_and(is_old) {
            return Ok(());
        }
        self.state.metrics().refused(Refusal::Credential);
        let subject = caller.identity().subject();
        self.write("auth.refused", caller.address(), subject, "sign-in-again");
        Err(Problem::of(Code::SIGN_IN_AGAIN))
    }
}

const fn role_name(role: CallerRole) -> &'static str {
    match role {
        CallerRole::Viewer => "viewer",
        CallerRole::Operator => "operator",
        CallerRole::Admin => "admin",
    }
}
