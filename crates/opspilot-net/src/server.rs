//! An HTTP server whose every wait and every number has a limit.
//!
//! hyper parses and answers; this file accepts, counts, drains and gives up. HTTP/2 over plain TCP is spoken where a
//! protocol needs it (gRPC) and never beside HTTP/1.1: its multiplexing has limits of its own.

mod admission;
mod listener;
mod stall;
mod streams;
#[cfg(test)]
mod tests;
mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use opspilot_core::error::chain;
use opspilot_core::metrics::{Counter, Gauge};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _};
use tracing::{debug, error, warn};

pub use self::listener::{Listener, Unserved};

use self::admission::{Admission, Seat};
use self::stall::StallGuard;
use self::streams::{Idle, Owned};
use self::wire::Wire;

/// How long to wait when the system has no file descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The largest request line with headers, in bytes; hyper answers more with 431.
const HEADER_BYTES: u32 = 16 * 1024;

/// The most headers of a request; hyper answers more with 431.
const HEADER_COUNT: usize = 100;

/// The most requests at a time on one HTTP/2 connection.
const STREAMS: u32 = 32;

/// How many bytes of bodies one HTTP/2 connection may send ahead, in all and for each request.
const WINDOWS: (u32, u32) = (1 << 20, 256 << 10);

/// How often a quiet HTTP/2 connection is asked whether it still lives, and how long it may take to answer.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// What the clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.0 and 1.1.
    #[default]
    Http1,
    /// HTTP/2 without an upgrade, as gRPC clients speak it.
    Http2,
}

impl Protocol {
    /// What it is called where client and server choose (ALPN).
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Http1 => &["http/1.1"],
            Self::Http2 => &["h2"],
        }
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What the clients speak.
    pub protocol: Protocol,
    /// How long a connection may take to send the headers of its next request. A connection that waits idly between
    /// requests is closed after the same time; one of HTTP/2 after [`Limits::idle`].
    pub header: Duration,
    /// How long a client may leave an answer unread.
    pub stall: Duration,
    /// How long an HTTP/2 connection may be without a request.
    pub idle: Duration,
    /// How long open requests may take to end when the server stops.
    pub drain: Duration,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one address of another machine.
    pub per_address: usize,
    /// The most connections of this machine, whose programs share one address.
    pub per_loopback: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            protocol: Protocol::Http1,
            idle: Duration::from_secs(300),
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
pub struct Peer(pub SocketAddr);

/// What the server counts.
#[derive(Debug, Clone)]
pub struct ServerMetrics {
    /// Open connections.
    pub open: Gauge,
    /// Connections closed at once because a limit was reached.
    pub refused: Counter,
}

/// Serves `service` on `listener` until `cancel`, then lets open requests end within [`Limits::drain`]. Each request
/// carries the [`Peer`] that sent it among its extensions. A connection that was [upgraded](fn@crate::upgrade) belongs to
/// whoever upgraded it, and still counts. Who is one too many is told so, and closed.
///
/// # Cancel safety
/// Dropping the future closes every connection.
pub async fn serve<S, B>(
    listener: impl Into<Listener>,
    service: S,
    limits: Limits,
    metrics: ServerMetrics,
    cancel: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<AnyError>,
{
    let listener = listener.into();
    let admission = Admission::new(limits, metrics.open);
    let entrance = listener.entrance();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = listener.socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match admission.admit(peer.ip()) {
                Ok(seat) => {
                    // Small answers must not wait for acknowledgements of earlier ones; a socket that is gone fails
                    // later anyway.
                    stream.set_nodelay(true).ok();
                    let (entrance, service) = (entrance.clone(), service.clone());
                    let cancel = cancel.clone();
                    connections.spawn(async move {
                        let opened = cancel.run_until_cancelled(entrance.open(stream, peer));
                        if let Some(Some(wire)) = opened.await {
                            converse(wire, Peer(peer), seat, service, cancel).await;
                        }
                    });
                }
                Err(refused) => {
                    metrics.refused.inc();
                    if let Some(farewell) = entrance.refuse(peer, refused, limits.protocol) {
                        connections.spawn(farewell.say(stream));
                    }
                }
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

/// Serves one connection until it ends or is upgraded; after `cancel`, until its present requests are answered.
async fn converse<S, B>(wire: Wire, peer: Peer, seat: Seat, service: S, cancel: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<AnyError>,
{
    let limits = seat.limits;
    let io = TokioIo::new(StallGuard::new(wire, limits.stall).seated(seat));
    let idle = Idle::new(limits);
    let counted = idle.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (service, open) = (service.clone(), counted.open());
        async move {
            let answer = service.oneshot(request).await;
            drop(open);
            answer
        }
    });
    let outcome = match limits.protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header)
                .max_buf_size(HEADER_BYTES as usize)
                .max_headers(HEADER_COUNT)
                .serve_connection(io, service)
                .with_upgrades();
            let mut connection = pin!(connection);
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = cancel.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
        Protocol::Http2 => {
            let owned = Owned::default();
            let connection = multiplexed(&owned).serve_connection(io, service);
            let mut connection = pin!(connection);
            tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = idle.unused() => Ok(()),
                () = cancel.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(failure) = outcome {
        debug!(peer = %peer.0, error = %chain(&failure), "connection ended early");
    }
}

fn multiplexed(owned: &Owned) -> http2::Builder<Owned> {
    let mut builder = http2::Builder::new(owned.clone());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .initial_connection_window_size(WINDOWS.0)
        .initial_stream_window_size(WINDOWS.1)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
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
