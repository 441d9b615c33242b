//! What all clients share, and the way in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use opspilot_core::error::chain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tracing::debug;

use super::super::access::{Door, Way};
use super::super::answer::Answer;
use super::super::problem::{Code, Problem};
use super::super::state::State;
use super::super::stream::{Follower, Visitor};
use super::config::Options;
use super::counts::Counts;
use super::session::Session;

/// The subprotocol that a client may ask for, and is then told.
const PROTOCOL: &str = "opspilot.v1";

/// Seconds after which a client may ask for a place again when all are taken.
const RETRY: u32 = 5;

/// What all clients share.
#[derive(Debug)]
pub(in crate::api) struct Endpoint {
    /// That of `ui.websocket`, whichever listener a client came to.
    pub(super) state: State,
    pub(super) options: Options,
    pub(super) counts: Counts,
    seats: Arc<Semaphore>,
}

impl Endpoint {
    /// An endpoint without clients.
    pub(super) fn new(state: State, options: Options) -> Self {
        let counts = Counts::new(&state);
        Self {
            seats: Arc::new(Semaphore::new(options.clients)),
            counts,
            state,
            options,
        }
    }

    /// Follows the journal from now on.
    pub(super) fn follower(&self) -> Follower {
        Follower::new(&self.state.hub, self.state.cx.system.clone())
    }

    /// How often credentials were changed or revoked by this process.
    pub(super) fn credential_changes(&self) -> u64 {
        let access = self.state.cx.access.as_ref();
        access.map_or(0, |access| access.credentials.changes())
    }

    /// How long a credential is believed, if this process changes none.
    pub(super) fn recheck(&self) -> Duration {
        self.state.limits().beat
    }

    /// Takes in a client that was let through `door`, and gives `held` back when it leaves.
    ///
    /// # Errors
    /// When it does not speak the protocol, or there is no place.
    pub(super) fn enter(
        self: &Arc<Self>,
        door: Door,
        mut request: Request,
        held: Option<OwnedSemaphorePermit>,
    ) -> Answer {
        let Ok(mut response) = create_response_with_body(&request, Body::empty) else {
            return Ok(not_a_websocket());
        };
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            return Err(Problem::of(Code::FULL)
                .detail("`modules.ui.websocket.maxClients` are connected")
                .retry_after(RETRY));
        };
        let way = Way::of(&request)?;
        if asks_for_protocol(request.headers()) {
            let name = HeaderValue::from_static(PROTOCOL);
            let headers = response.headers_mut();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
        let stops = [door.state.cx.cancel.clone(), self.state.cx.cancel.clone()];
        let visitor = Visitor {
            door: Some(door),
            headers: credentials_of(request.headers()),
            way,
        };
        let upgrading = opspilot_net::upgrade(&mut request);
        let endpoint = Arc::clone(self);
        let client = async move {
            let [other, own] = stops;
            let stop = async {
                tokio::select! {
                    () = other.cancelled() => {}
                    () = own.cancelled() => {}
                }
            };
            match upgrading.await {
                Ok(stream) => {
                    let session = Session::new(endpoint, visitor, stream).await;
                    session.run(stop).await;
                }
                Err(error) => debug!(error = %chain(&error), "a client left before it came"),
            }
            drop((seat, held));
        };
        self.state.cx.tasks.spawn("websocket client", client);
        Ok(response)
    }
}

/// RFC 9110, section 15.5.22, and RFC 6455, section 4.4.
fn not_a_websocket() -> Response {
    let mut response = Problem::of(Code::UPGRADE_REQUIRED).into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    response
}

fn asks_for_protocol(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|name| name.trim() == PROTOCOL)
}

/// The headers that prove who the client is; the others are not kept for as long as it stays.
fn credentials_of(headers: &HeaderMap) -> HeaderMap {
    let names = [
        header::AUTHORIZATION,
        HeaderName::from_static("x-api-key"),
        header::COOKIE,
        header::SEC_WEBSOCKET_PROTOCOL,
    ];
    let mut kept = HeaderMap::new();
    for name in names {
        for value in headers.get_all(&name) {
            kept.append(&name, value.clone());
        }
    }
    kept
}
