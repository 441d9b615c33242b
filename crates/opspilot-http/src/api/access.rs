//! Who may do what: the one place where requests are let through to the handler of their row.
//!
//! A request shows one credential: the first of `Authorization: Bearer` (a token, or a stored key), `X-API-Key`, and the
//! session's cookie. If that one is bad the answer is 401, whatever else the request carries; a query string is never looked at.
//! Then the row decides: too small a role, or the wrong kind of caller, is 403. A change that comes with a cookie must
//! also carry the session's `X-CSRF-Token`, which no other site can read, and what administers the server needs a session
//! that began within the last quarter of an hour.

mod cookie;
mod credential;
mod demands;
mod guesses;
mod notes;
mod paths;
mod trail;
mod way;

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{Request, State as Extract};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use opspilot_core::config::Role as CallerRole;
use opspilot_core::module::{Context, RunError};
use opspilot_core::safety::identity::{Identity, Kind, Method};

use super::caller::{Caller, OpenSession};
use super::metrics::Refusal;
use super::problem::{Code, Problem};
use super::routes::{Role, Route};
use super::state::{ApiLimits, State};
use crate::auth::{Authenticator, Refused};

pub(super) use self::cookie::{Cookie, Site};
pub(super) use self::guesses::Guesses;
pub(super) use self::trail::{Entry, Trail};
pub(super) use self::way::Way;

use self::credential::Credential;
use self::paths::PublicPaths;

/// What decides who may do what.
#[derive(Debug)]
pub(super) struct Access {
    /// `None` while authentication is off: everybody who reaches the loopback address is an admin.
    authenticator: Option<Authenticator>,
    public: PublicPaths,
    /// Bad credentials on ordinary routes.
    guesses: Guesses,
    /// Failed log-ins.
    logins: Guesses,
    /// What is written to the audit log of refusals.
    trail: Trail,
}

impl Access {
    /// Reads the keys that the configuration names.
    ///
    /// # Errors
    /// When they cannot be used, or a path is public that never is.
    pub(super) async fn open(
        cx: &Context,
        base_path: &str,
        limits: ApiLimits,
    ) -> Result<Self, RunError> {
        let Some(access) = &cx.access else {
            return Err(RunError::message(
                "this module is not given what checks credentials",
            ));
        };
        let authenticator = match access.auth.enabled {
            true => Some(Authenticator::open(access, cx).await?),
            false => None,
        };
        Ok(Self {
            public: PublicPaths::new(&access.auth.public_paths, base_path)?,
            guesses: Guesses::new(limits.bad_credentials),
            logins: Guesses::new(limits.bad_logins),
            trail: Trail::default(),
            authenticator,
        })
    }

    /// What checks credentials; `None` while authentication is off.
    pub(super) const fn authenticator(&self) -> Option<&Authenticator> {
        self.authenticator.as_ref()
    }

    /// True if nobody is asked for credentials on `route`.
    pub(super) fn is_open_to_all(&self, route: &Route) -> bool {
        self.authenticator.is_none() || route.role == Role::Anyone || self.public.holds(route)
    }

    /// Failed log-ins.
    pub(super) const fn logins(&self) -> &Guesses {
        &self.logins
    }

    /// What is written of refusals.
    pub(super) const fn trail(&self) -> &Trail {
        &self.trail
    }
}

/// A row with everything that decides who may use it.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) state: State,
    pub(super) route: &'static Route,
}

/// Lets a request through if whoever sends it may use the row.
pub(super) async fn check(
    Extract(door): Extract<Door>,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = match Way::of(&request) {
        Ok(way) => door.admit(request.headers(), way).await,
        Err(problem) => Err(problem),
    };
    match admitted {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Door {
    /// True if a caller who came in before would still be let in.
    pub(super) async fn admits(&self, headers: &HeaderMap, way: Way) -> bool {
        self.admit(headers, way).await.is_ok()
    }

    /// Who comes in; `None` where nobody is asked.
    async fn admit(&self, headers: &HeaderMap, way: Way) -> Result<Option<Caller>, Problem> {
        let (access, address) = (&self.state.access, way.address);
        if self.route.role == Role::Anyone {
            return Ok(None);
        }
        let Some(authenticator) = access.authenticator() else {
            return Ok(Some(Caller::new(local(address), address)));
        };
        if access.public.holds(self.route) {
            return Ok(None);
        }
        let credential = match Credential::of(headers, way.cookie) {
            Ok(Some(credential)) => credential,
            Ok(None) => return Err(self.refuse(address, "none")),
            Err(_) => return Err(self.refuse(address, "malformed")),
        };
        // Others behind the same address keep what cannot be guessed.
        let wait = access.guesses.wait(address);
        if let Some(wait) = wait.filter(|_| credential.is_guessable()) {
            self.state.metrics().refused(Refusal::Credential);
            return Err(Problem::of(Code::RATE_LIMITED).retry_after(wait));
        }
        let caller = match self.identify(authenticator, &credential, address).await {
            Ok(caller) => caller,
            Err(Refused::Broken(error)) => return Err(error.into()),
            Err(refused) => {
                if credential.is_guessable() {
                    access.guesses.count(address);
                }
                return Err(self.refuse(address, &refused.reason()));
            }
        };
        self.check_csrf(headers, &caller)?;
        self.authorise(&caller)?;
        self.check_fresh(&caller)?;
        Ok(Some(caller))
    }

    /// Whom the credential belongs to. Its use is written down without holding up the request.
    async fn identify(
        &self,
        authenticator: &Authenticator,
        credential: &Credential,
        address: IpAddr,
    ) -> Result<Caller, Refused> {
        match credential {
            Credential::Bearer(token) => {
                let identity = authenticator.bearer(token).await?;
                Ok(Caller::new(identity, address))
            }
            Credential::Key(text) => {
                let (identity, source) = authenticator.key(text).await?;
                self.state.note_key(&source);
                Ok(Caller::new(identity, address))
            }
            Credential::Session(token) => {
                let (identity, session) = authenticator.session(token).await?;
                let open = OpenSession {
                    id: session.id.clone(),
                    csrf: token.csrf(),
                    proven_at: session.proven_at(),
                };
                self.state.note_key(&session.source);
                self.state.note_session(session);
                Ok(Caller::new(identity, address).in_session(open))
            }
        }
    }

    fn refuse(&self, address: IpAddr, reason: &str) -> Problem {
        self.state.metrics().refused(Refusal::Credential);
        self.write("auth.refused", address, "", reason);
        Problem::of(Code::UNAUTHENTICATED)
    }

    fn write(&self, action: &'static str, address: IpAddr, subject: &str, reason: &str) {
        let refusal = Entry {
            action,
            address,
            subject: subject.to_owned(),
            reason: reason.to_owned(),
            route: format!("{} {}", self.route.method.as_str(), self.route.path),
        };
        self.state.access.trail.write(&self.state, refusal);
    }
}

/// Who asks while authentication is off. This machine has many addresses, which are one person: else somebody could
/// approve under one what they proposed under another.
fn local(address: IpAddr) -> Identity {
    let address = match address.is_loopback() {
        true => Ipv4Addr::LOCALHOST.into(),
        false => address,
    };
    Identity::vouch(
        format!("operator@{address}"),
        CallerRole::Admin,
        Kind::Human,
        Method::Local,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_this_machine_is_one_person() {
        for address in ["127.0.0.1", "127.8.9.1", "::1"] {
            let who = local(address.parse().unwrap());
            assert_eq!(who.subject(), "operator@127.0.0.1");
        }
        let other = local("192.0.2.1".parse().unwrap());
        assert_eq!(other.subject(), "operator@192.0.2.1");
    }
}
