//! The way by which a request came.

use std::net::IpAddr;

use axum::extract::Request;
use opspilot_net::Peer;

use super::super::problem::Problem;
use super::cookie::{Cookie, host};

/// From which address a request came, and which cookie a session has under the name that it was sent to.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Way {
    /// Where the client is, as the kernel saw it, or a proxy that is believed.
    pub(in crate::api) address: IpAddr,
    pub(super) cookie: Cookie,
}

impl Way {
    /// The way of `request`, whose name the guard has checked.
    ///
    /// # Errors
    /// Without a peer address, which the server gives to each.
    pub(in crate::api) fn of(request: &Request) -> Result<Self, Problem> {
        let peer = request.extensions().get::<Peer>();
        let peer = peer.ok_or_else(|| Problem::internal("a request without a peer address"))?;
        Ok(Self {
            address: peer.0.ip().to_canonical(),
            cookie: Cookie::of(host(request.uri(), request.headers()).as_ref()),
        })
    }
}
