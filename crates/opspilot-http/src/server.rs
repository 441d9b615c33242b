//! An HTTP/1.1 server whose every wait and every number has a limit.
//!
//! hyper parses and answers; this file accepts, counts, drains and gives up. HTTP/2 is left to a proxy: over plain TCP no
//! browser speaks it, and its multiplexing needs limits of its own.

mod admission;
mod stall;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use opspilot_core::error::chain;
use opspilot_core::metrics::{Counter, Gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, error, warn};

use self::admission::{Admission, Seat};
use self::stall::StallGuard;

/// How long to wait when the system has no file descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The largest request line with headers, in bytes; hyper answers more with 431.
const HEADER_BYTES: usize = 16 * 1024;

/// The most headers of a request; hyper answers more with 431.
const HEADER_COUNT: usize = 100;

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long a connection may take to send the headers of its next request. A connection that waits idly between
    /// requests is closed after the same time.
    pub(crate) header: Duration,
    /// How long a client may leave an answer unread.
    pub(crate) stall: Duration,
    /// How long open requests may take to end when the server stops.
    pub(crate) drain: Duration,
    /// The most connections.
    pub(crate) connections: usize,
    /// The most connections of one address of another machine.
    pub(crate) per_address: usize,
    /// The most connections of this machine, whose programs share one address.
    pub(crate) per_loopback: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(5),
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            connections: 512,
            per_address: 32,
            per_loopback: 256,
        }
    }
}

/// The address of the program that sent a request, as the kernel saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What the server counts.
#[derive(Debug, Clone)]
pub(crate) struct ServerMetrics {
    /// Open connections.
    pub(crate) open: Gauge,
    /// Connections closed at once because a limit was reached.
    pub(crate) refused: Counter,
}

/// Serves `router` on `listener` until `cancel`, then lets open requests end within [`Limits::drain`].
///
/// # Cancel safety
/// Dropping the future closes every connection.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    metrics: ServerMetrics,
    cancel: CancellationToken,
) {
    let admission = Admission::new(limits, metrics.open);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match admission.admit(peer.ip()) {
                Some(seat) => {
                    let connection =
                        converse(stream, Peer(peer), seat, router.clone(), cancel.clone());
                    connections.spawn(connection);
                }
                None => drop(metrics.refused.inc()),
            },
            Err(failure) => {
                warn!(error = %chain(&failure), "cannot accept a connection");
                cancel
                    .run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE))
                    .await;
            }
        }
    }
    drop(listener);
    drain(connections, limits.drain).await;
}

/// Serves one connection until it ends; after `cancel`, until its present request is answered.
async fn converse(
    stream: TcpStream,
    peer: Peer,
    seat: Seat,
    router: Router,
    cancel: CancellationToken,
) {
    // Small answers must not wait for acknowledgements of earlier ones; a socket that is gone fails later anyway.
    stream.set_nodelay(true).ok();
    let limits = seat.limits();
    let io = TokioIo::new(StallGuard::new(stream, limits.stall));
    let service = hyper::service::service_fn(move |request| answer(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADER_COUNT)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(failure) = outcome {
        debug!(peer = %peer.0, error = %chain(&failure), "connection ended early");
    }
    drop(seat);
}

async fn answer(
    router: Router,
    peer: Peer,
    request: hyper::Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    router.oneshot(request).await
}

async fn drain(mut connections: JoinSet<()>, patience: Duration) {
    let ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(patience, ended).await.is_err() {
        warn!(
            connections = connections.len(),
            "requests did not end in time and are cut short"
        );
        connections.shutdown().await;
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failure) = ended {
        error!(error = %chain(&failure), "a connection's task failed");
    }
}
