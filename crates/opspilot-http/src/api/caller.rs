//! Who asks.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use opspilot_core::clock::Timestamp;
use opspilot_core::safety::identity::Identity;

use super::problem::Problem;
use super::state::State;

/// On whose behalf a request acts: whoever showed a credential, never whomever the request names. Without
/// authentication it is `operator@` and the client's address.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    identity: Identity,
    address: IpAddr,
    session: Option<OpenSession>,
}

/// The session by which somebody is in.
#[derive(Debug, Clone)]
pub(super) struct OpenSession {
    /// Its key in the storage.
    pub(super) id: String,
    /// What a page must send with each change.
    pub(super) csrf: String,
    /// When somebody showed who they are, where that is known.
    pub(super) proven_at: Option<Timestamp>,
}

impl Caller {
    /// Somebody who showed a credential.
    pub(super) const fn new(identity: Identity, address: IpAddr) -> Self {
        Self {
            identity,
            address,
            session: None,
        }
    }

    /// The same, in a session.
    pub(super) fn in_session(self, session: OpenSession) -> Self {
        Self {
            session: Some(session),
            ..self
        }
    }

    /// Who it is.
    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The name in timelines, events and the audit log.
    pub(super) fn name(&self) -> String {
        self.identity.subject().to_owned()
    }

    /// The client's address.
    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }

    /// The session, if there is one.
    pub(super) const fn session(&self) -> Option<&OpenSession> {
        self.session.as_ref()
    }
}

impl FromRequestParts<State> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::internal("a route for callers that was not guarded"))
    }
}
