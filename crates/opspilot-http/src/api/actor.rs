//! Who asks.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::server::Peer;

/// On whose behalf a request acts. It is taken from the connection, never from the request: until there are
/// credentials, it is `operator@` and the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Actor(IpAddr);

impl Actor {
    /// The name in timelines and events.
    pub(super) fn name(&self) -> String {
        format!("operator@{}", self.0)
    }

    /// The client's address.
    pub(super) const fn address(&self) -> IpAddr {
        self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>();
        let address = peer.map(|peer| peer.0.ip().to_canonical());
        address
            .map(Self)
            .ok_or_else(|| Problem::internal("a request without a peer address"))
    }
}
