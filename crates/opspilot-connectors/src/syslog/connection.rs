//! One connection: reads messages and waits where detectors are slow.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BufMut as _;
use futures_util::FutureExt as _;
use opspilot_core::signal::{LogBatch, LogSource};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

use super::batch::{CHUNK, Messages};
use super::config::Protocol;
use super::framing::{Found, Framer};
use super::meters::{Reason, Refusal};
use super::positions::Place;
use super::shared::{LAST_LOOK, STOP_PATIENCE, Shared};

/// How a TLS conversation begins: a handshake record of some version 3 (RFC 8446, section 5.1).
const TLS_HELLO: [u8; 2] = [0x16, 0x03];

/// The bytes of a peer.
#[derive(Debug)]
pub(super) enum Wire {
    /// As they come.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection and what has been read of it.
#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    wire: Wire,
    peer: SocketAddr,
    source: Arc<LogSource>,
    /// Held until the end.
    place: Option<Place>,
    framer: Framer,
    /// The beginning of a message whose rest is to come.
    tail: Vec<u8>,
    /// When it began to be waited for.
    waiting_since: Option<Instant>,
    is_new: bool,
}

/// Why a connection is read no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer closed it, or it broke.
    Closed,
    /// The module stops.
    Stopping,
    /// A message took too long.
    Stalled,
    /// It speaks TLS to a listener without.
    Encrypted,
}

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Reads what is there until `buffer` holds `most` bytes. False once there will be no more.
    fn fill(&mut self, buffer: &mut Vec<u8>, most: usize) -> io::Result<bool> {
        while buffer.len() < most {
            let left = most - buffer.len();
            let mut room = (&mut *buffer).limit(left);
            let read = match self {
                Self::Plain(stream) => stream.try_read_buf(&mut room),
                // Whatever was decrypted is read here, so waiting for the socket afterwards misses nothing.
                Self::Tls(stream) => stream
                    .read_buf(&mut room)
                    .now_or_never()
                    .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into())),
            };
            match read {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl Connection {
    /// A connection from `peer`.
    pub(super) fn new(shared: Arc<Shared>, wire: Wire, peer: SocketAddr) -> Self {
        let place = shared.positions.take();
        let protocol = match wire {
            Wire::Plain(_) => Protocol::Tcp,
            Wire::Tls(_) => Protocol::Tls,
        };
        let mut source = shared.source(protocol, &place.stream);
        let remote = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        source
            .attributes
            .insert("remoteAddress".to_owned(), remote.to_string().into());
        if let Wire::Tls(stream) = &wire
            && let Some([certificate, ..]) = stream.get_ref().1.peer_certificates()
        {
            let fingerprint = ring::digest::digest(&ring::digest::SHA256, certificate);
            let hex = fingerprint
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"));
            let hex: String = hex.collect();
            source
                .attributes
                .insert("clientCertificateSha256".to_owned(), hex.into());
        }
        Self {
            framer: Framer::new(shared.longest),
            source: Arc::new(source),
            shared,
            wire,
            peer: remote,
            place: Some(place),
            tail: Vec::new(),
            waiting_since: None,
            is_new: true,
        }
    }

    /// Reads until the peer closes the connection, breaks it, or the module stops.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let end = loop {
            let until = self
                .waiting_since
                .map(|since| since + shared.message_timeout);
            let due = until.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = shared.cancel.cancelled() => break End::Stopping,
                ready = self.wire.tcp().readable() => if ready.is_err() { break End::Closed },
                () = sleep_until(due), if until.is_some() => break End::Stalled,
            }
            if let Some(end) = self.turn(false).await {
                break end;
            }
        };
        if end == End::Stopping {
            self.drain().await;
        }
        self.finish(end).await;
    }

    /// Reads what the kernel has of it when the module stops, for a bounded time.
    async fn drain(&mut self) {
        let until = Instant::now() + STOP_PATIENCE;
        while Instant::now() < until {
            // Without this the runtime may not have been told yet that there is something.
            let ready = timeout(LAST_LOOK, self.wire.tcp().readable()).await;
            let before = (self.position(), self.tail.len());
            let is_over = ready.is_err() || self.turn(true).await.is_some();
            if is_over || (self.position(), self.tail.len()) == before {
                return;
            }
        }
    }

    fn position(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.position)
    }

    /// Reads a chunk and passes on what is whole of it.
    async fn turn(&mut self, is_stopping: bool) -> Option<End> {
        let shared = Arc::clone(&self.shared);
        // Whoever waits for this was here first: peers take turns, and so many chunks are in memory at most.
        let Ok(turn) = shared.turns.acquire().await else {
            return Some(End::Stopping);
        };
        let mut buffer = shared.pool.take(CHUNK);
        buffer.extend_from_slice(&self.tail);
        let kept = self.tail.len();
        let is_open = self.wire.fill(&mut buffer, CHUNK).unwrap_or_else(|error| {
            tracing::debug!(module = shared.module, peer = %self.peer, %error, "a connection broke");
            false
        });
        let read = buffer.len() - kept;
        if std::mem::take(&mut self.is_new)
            && matches!(self.wire, Wire::Plain(_))
            && buffer.starts_with(&TLS_HELLO)
        {
            return Some(End::Encrypted);
        }
        let messages = self.take_apart(&mut buffer, read, !is_open);
        let count = messages.len();
        if let Some(batch) = self.batch(buffer, messages).await {
            shared.send(batch, is_stopping).await;
        }
        drop(turn);
        self.pay(count, is_stopping).await;
        (!is_open).then_some(End::Closed)
    }

    /// Finds the messages of `buffer`, and keeps what is behind them.
    fn take_apart(&mut self, buffer: &mut Vec<u8>, read: usize, is_end: bool) -> Messages {
        let mut messages = Messages::with_room_for(buffer.len(), self.shared.grammar);
        let mut at = 0;
        let used = loop {
            match self.framer.next(buffer, at, is_end) {
                Found::Frame(frame, next) => {
                    messages.push(buffer, frame);
                    at = next;
                }
                Found::More(used) => break used,
            }
        };
        let rest = buffer.get(used..).unwrap_or_default();
        let is_waiting = !rest.is_empty() || self.framer.is_skipping();
        self.tail.clear();
        self.tail.extend_from_slice(rest);
        if self.tail.is_empty() {
            // An idle connection holds no memory.
            self.tail = Vec::new();
        }
        buffer.truncate(used);
        if !is_waiting {
            self.waiting_since = None;
        } else if messages.len() > 0 || self.waiting_since.is_none() {
            self.waiting_since = Some(Instant::now());
        }
        let meters = &self.shared.meters;
        meters.received(self.protocol(), messages.len() as u64, read as u64);
        meters.odd(messages.cut(), messages.unparsed);
        messages
    }

    fn protocol(&self) -> Protocol {
        match self.wire {
            Wire::Plain(_) => Protocol::Tcp,
            Wire::Tls(_) => Protocol::Tls,
        }
    }

    /// Makes a batch, unless there are no messages.
    async fn batch(&mut self, buffer: Vec<u8>, messages: Messages) -> Option<LogBatch> {
        let place = self.place.as_mut()?;
        if messages.len() == 0 {
            place.position += buffer.len() as u64;
            return None;
        }
        self.shared
            .reserve(place.position + buffer.len() as u64)
            .await;
        let ack = self.shared.meters.ack(messages.len());
        let when = (self.shared.clock.now(), ack);
        Some(messages.into_batch((&self.source, place), (buffer, &self.shared.pool), when))
    }

    /// Waits until the peer may send again.
    async fn pay(&self, messages: usize, is_stopping: bool) {
        let Some(budgets) = &self.shared.budgets else {
            return;
        };
        let debt = budgets.spend(self.peer.ip(), messages);
        if debt.is_zero() || is_stopping {
            return;
        }
        tokio::select! {
            () = self.shared.cancel.cancelled() => {}
            () = tokio::time::sleep(debt) => {}
        }
    }

    /// Passes on the beginning of a message whose rest did not come, and lets go of the place.
    async fn finish(mut self, end: End) {
        let shared = Arc::clone(&self.shared);
        match end {
            End::Closed | End::Stopping => {}
            End::Stalled => {
                shared.meters.refused(Refusal::Stalled);
                let peer = self.peer;
                shared.troubles.note("stalled", || {
                    format!("{peer} began a message and did not end it in time (`messageTimeoutMs`); its connection was closed")
                });
            }
            End::Encrypted => {
                shared.meters.refused(Refusal::TlsOnPlain);
                let peer = self.peer;
                shared.troubles.note("tlsOnPlain", || {
                    format!("{peer} speaks TLS to a listener without: give that listener the protocol `tls`, or send plain text")
                });
                self.tail.clear();
            }
        }
        if !self.tail.is_empty() {
            let mut buffer = std::mem::take(&mut self.tail);
            let messages = self.take_apart(&mut buffer, 0, true);
            if let Some(batch) = self.batch(buffer, messages).await {
                let sending = shared.send(batch, end == End::Stopping);
                if timeout(STOP_PATIENCE, sending).await.is_err() {
                    shared.meters.dropped(Reason::Stopped, 1);
                }
            }
        }
        if let Some(place) = self.place.take() {
            shared.positions.give_back(place);
        }
    }
}
