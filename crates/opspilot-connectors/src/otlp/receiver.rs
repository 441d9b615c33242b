//! Listens, and stores what arrives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use opspilot_core::config::Secret;
use opspilot_core::module::{Context, RunError};
use opspilot_core::signal::{Ack, LogBatch, LogBatchBuilder, LogSource};
use opspilot_net::{
    BodyError, HeaderMap, Protocol as Wire, ServerMetrics, bind, header, serve, service_fn,
};
use ring::digest;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

use super::meters::{CONNECTIONS, ITEMS, REFUSED, REQUESTS};
use super::read::{Export, Group, Kind, ReadError, RecordFacts, Request, Rules};
use super::{Config, Protocol, grpc, http};
use crate::intake::{Desk, PushedStream, Unavailable, settlement, stored};
use crate::listen::front::Front;

/// How many requests are decoded at a time: a small message may become a large one in memory.
const DECODING: usize = 2;

/// After how many seconds to send again.
pub(super) const RETRY: u32 = 5;

/// What senders hear that send too fast.
pub(super) const BUSY: &str =
    "this machine sends too many requests; send this one again later, or larger batches";

/// How long a body may take to arrive.
pub(super) const BODY: Duration = Duration::from_secs(15);

/// The listeners, and what they share.
#[derive(Debug)]
pub(super) struct Receiver {
    shared: Arc<Shared>,
    listeners: Vec<(Protocol, TcpListener)>,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    cx: Context,
    front: Front,
    desk: Desk,
    stream: Arc<Mutex<PushedStream>>,
    decoding: Arc<Semaphore>,
    rules: Rules,
    pub(super) body_limit: usize,
    token: Option<[u8; 32]>,
}

/// What to answer when a request is not stored.
#[derive(Debug)]
pub(super) enum Trouble {
    Busy,
    Unauthenticated,
    Foreign,
    Body(BodyError),
    Invalid(String),
    TooLarge(String),
    Unavailable(Unavailable),
}

/// How a stored request is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stored {
    pub(super) rejected: i64,
    pub(super) message: String,
}

impl Receiver {
    /// Binds the ports.
    pub(super) async fn open(cx: &Context, config: &Config) -> Result<Self, RunError> {
        let tls = (config.tls.as_ref(), &[Wire::Http1, Wire::Http2][..]);
        let front = Front::open(cx, tls, config.bounds(), &REFUSED).await?;
        let mut listeners = Vec::new();
        let wanted = [
            (Protocol::Http, config.http_port, "httpPort"),
            (Protocol::Grpc, config.grpc_port, "grpcPort"),
        ];
        for (protocol, port, detail) in wanted {
            if config.speaks(protocol) {
                let address = SocketAddr::new(config.address(), port);
                let listener = bind(address, "modules.connector.otlp")?;
                let bound = listener
                    .local_addr()
                    .map_err(|error| RunError::new("the socket is not usable", error))?;
                cx.health.detail(detail, bound.port());
                let scheme = front.scheme();
                info!(address = %bound, scheme, protocol = ?protocol, "telemetry is taken");
                listeners.push((protocol, listener));
            }
        }
        let patience = Duration::from_millis(config.timeout_ms);
        let stream = PushedStream::open(cx, "otlp").await?;
        let shared = Shared {
            cx: cx.clone(),
            front,
            desk: Desk::new(cx, config.max_in_flight, patience),
            stream: Arc::new(Mutex::new(stream)),
            decoding: Arc::new(Semaphore::new(DECODING)),
            rules: Rules {
                decoded_limit: config.max_decoded_bytes,
                slow_span_ms: config.slow_span_ms,
            },
            body_limit: config.max_body_bytes,
            token: config.token.as_ref().map(hash_of),
        };
        Ok(Self {
            shared: Arc::new(shared),
            listeners,
        })
    }

    /// Serves until the module is cancelled.
    pub(super) async fn run(self, cx: &Context) -> Result<(), RunError> {
        let Self { shared, listeners } = self;
        let front = shared.front.clone();
        let serving = listeners.into_iter().map(|(protocol, socket)| {
            let shared = Arc::clone(&shared);
            async move {
                let (metrics, cancel) = (shared.server(protocol), cx.cancel.clone());
                let wire = protocol.wire();
                let limits = shared.front.limits(wire);
                let listener = shared.front.listener(socket, wire);
                match protocol {
                    Protocol::Http => {
                        let service =
                            service_fn(move |request| http::call(Arc::clone(&shared), request));
                        serve(listener, service, limits, metrics, cancel).await;
                    }
                    Protocol::Grpc => {
                        let service =
                            service_fn(move |request| grpc::call(Arc::clone(&shared), request));
                        serve(listener, service, limits, metrics, cancel).await;
                    }
                }
            }
        });
        let serving = join_all(serving.map(Box::pin));
        let (_, looked_after) = tokio::join!(serving, front.look_after(cx));
        looked_after
    }
}

impl Protocol {
    const fn wire(self) -> Wire {
        match self {
            Self::Http => Wire::Http1,
            Self::Grpc => Wire::Http2,
        }
    }
}

fn hash_of(token: &Secret) -> [u8; 32] {
    hash(format!("Bearer {}", token.expose()).as_bytes())
}

fn hash(value: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, value).as_ref());
    bytes
}

impl Shared {
    /// Counts a request of its sender, whatever becomes of it.
    pub(super) fn within_rate<B>(&self, request: &opspilot_net::Request<B>) -> Result<(), Trouble> {
        let peer = request.extensions().get();
        self.front.admit(peer).then_some(()).ok_or(Trouble::Busy)
    }

    /// Checks what needs no body, and makes room for it.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, Trouble> {
        if let Some(expected) = &self.token {
            // Hashes are compared: where they differ tells nothing of where the tokens do.
            let given = headers.get(header::AUTHORIZATION);
            if given.is_none_or(|given| hash(given.as_bytes()) != *expected) {
                self.refused("credential");
                return Err(Trouble::Unauthenticated);
            }
        }
        if headers.contains_key(header::ORIGIN) {
            self.refused("origin");
            return Err(Trouble::Foreign);
        }
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let expected = declared.unwrap_or(self.body_limit).min(self.body_limit);
        self.desk.room(expected).map_err(Trouble::Unavailable)
    }

    /// Reads and stores a request. Returns when all of it is stored.
    pub(super) async fn take(
        self: &Arc<Self>,
        protocol: Protocol,
        request: Request,
        room: OwnedSemaphorePermit,
    ) -> Result<Stored, Trouble> {
        let kind = request.kind;
        let own = Arc::clone(self);
        let work = async move {
            let read = own.read(request).await?;
            drop(room);
            match read {
                Ok(export) => own.store(export).await.map(Ok),
                Err(error) => Ok(Err(error)),
            }
        };
        let result = match self.desk.carry(work).await {
            Ok(Ok(stored)) => Ok(stored),
            Ok(Err(error @ ReadError::TooLarge { .. })) => {
                Err(Trouble::TooLarge(error.to_string()))
            }
            Ok(Err(error)) => Err(Trouble::Invalid(error.to_string())),
            Err(unavailable) => Err(Trouble::Unavailable(unavailable)),
        };
        self.count(protocol, kind, &result);
        result
    }

    async fn read(&self, request: Request) -> Result<Result<Export, ReadError>, Unavailable> {
        let turn = self.decoding.acquire().await;
        let _turn = turn.map_err(|_| Unavailable::Failed)?;
        let rules = self.rules;
        let read = self.cx.tasks.blocking(move || request.read(rules)).await;
        read.map_err(|_| Unavailable::Failed)
    }

    async fn store(&self, export: Export) -> Result<Stored, Unavailable> {
        let answer = Stored {
            rejected: i64::try_from(export.rejected).unwrap_or(i64::MAX),
            message: export.complaint().unwrap_or_default(),
        };
        let counts = [
            (
                "record",
                export
                    .groups
                    .iter()
                    .map(|group| group.records.len() as u64)
                    .sum(),
            ),
            (
                "sample",
                export
                    .groups
                    .iter()
                    .map(|group| group.samples.len() as u64)
                    .sum(),
            ),
            ("span", export.spans),
            ("rejected", export.rejected),
        ];
        let (ack, settled) = settlement();
        {
            let mut stream = self.stream.lock().await;
            for group in export.groups {
                if group.records.is_empty() && group.samples.is_empty() {
                    continue;
                }
                let name = format!("otlp:{}", group.source);
                let source = stream.source(&self.cx, name.into());
                let (ack, now) = (ack.clone(), self.cx.clock.now());
                stream
                    .send(&self.cx, |place| batch(group, (source, ack), place, now))
                    .await;
            }
        }
        drop(ack);
        stored(settled).await?;
        for (kind, count) in counts {
            let counter = self.cx.metrics.counter(&ITEMS, &[("kind", kind)]);
            counter.inc_by(count);
        }
        Ok(answer)
    }

    fn count(&self, protocol: Protocol, kind: Kind, result: &Result<Stored, Trouble>) {
        let outcome = match result {
            Ok(_) => "stored",
            Err(Trouble::TooLarge(_)) => "too_large",
            Err(Trouble::Unavailable(unavailable)) => unavailable.as_str(),
            Err(_) => "invalid",
        };
        if let Err(Trouble::Unavailable(unavailable)) = result {
            let reason = unavailable.as_str();
            warn!(signal = kind.as_str(), reason, "telemetry was not taken");
        }
        let protocol = match protocol {
            Protocol::Http => "http",
            Protocol::Grpc => "grpc",
        };
        let labels = [
            ("signal", kind.as_str()),
            ("protocol", protocol),
            ("outcome", outcome),
        ];
        self.cx.metrics.counter(&REQUESTS, &labels).inc();
    }

    fn refused(&self, reason: &str) {
        let labels = [("reason", reason)];
        self.cx.metrics.counter(&REFUSED, &labels).inc();
    }

    fn server(&self, protocol: Protocol) -> ServerMetrics {
        let label = match protocol {
            Protocol::Http => "http",
            Protocol::Grpc => "grpc",
        };
        let open = self.cx.metrics.gauge(&CONNECTIONS, &[("protocol", label)]);
        self.front.server(open)
    }
}

/// The records and samples of one source as a batch.
fn batch(
    group: Group,
    (source, ack): (Arc<LogSource>, Ack),
    place: (u64, u64),
    now: opspilot_core::clock::Timestamp,
) -> LogBatch {
    let (mut buffer, mut ranges) = (Vec::new(), Vec::with_capacity(group.records.len()));
    for record in &group.records {
        let start = buffer.len();
        buffer.extend_from_slice(record.text.as_bytes());
        ranges.push(start..buffer.len());
        buffer.push(b'\n');
    }
    // A sample has a place of its own in the stream, as a record has.
    let length = buffer.len().max(group.samples.len()) as u64;
    let mut builder = LogBatchBuilder::new(source, buffer, place, now);
    for range in ranges {
        let offset = range.start;
        builder.record(range, offset);
    }
    for sample in group.samples {
        builder.sample(sample);
    }
    let facts = Arc::new(RecordFacts(group.records));
    builder.facts(facts).build(place.0 + length, ack)
}

impl From<BodyError> for Trouble {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}
