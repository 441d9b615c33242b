//! What people can count of the module.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opspilot_core::metrics::{Counter, Gauge, MetricSpec};
use opspilot_core::module::{Context, HealthStatus};
use opspilot_core::signal::{Ack, AckSink, Outcome};

use super::config::Protocol;

const RECEIVED: MetricSpec = MetricSpec::counter(
    "opspilot_syslog_received_total",
    &["protocol"],
    "Messages that arrived, those included that were dropped afterwards.",
);
const BYTES: MetricSpec =
    MetricSpec::counter("opspilot_syslog_bytes_total", &["protocol"], "Bytes read.");
const DROPPED: MetricSpec = MetricSpec::counter(
    "opspilot_syslog_dropped_total",
    &["reason"],
    "Messages that no detector saw.",
);
const CUT: MetricSpec = MetricSpec::counter(
    "opspilot_syslog_cut_total",
    &[],
    "Messages that were longer than allowed, or whose end did not arrive.",
);
const UNPARSED: MetricSpec = MetricSpec::counter(
    "opspilot_syslog_unparsed_total",
    &[],
    "Messages without a header that can be read; they were passed on whole.",
);
const REFUSED: MetricSpec = MetricSpec::counter(
    "opspilot_syslog_refused_total",
    &["reason"],
    "Connections that were not taken or were ended.",
);
const CONNECTIONS: MetricSpec = MetricSpec::gauge(
    "opspilot_syslog_open_connections",
    &[],
    "Connections that are open.",
);

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] = &[
    RECEIVED,
    BYTES,
    DROPPED,
    CUT,
    UNPARSED,
    REFUSED,
    CONNECTIONS,
];

/// Why a message was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The kernel had no room left: datagrams came faster than they are read.
    ReceiveBuffer,
    /// The same, while detectors were behind.
    PipelineFull,
    /// The peer sent more than it may.
    PeerRate,
    /// There was nothing in the datagram.
    Empty,
    /// What was found in it could not be stored.
    NotStored,
    /// The module stopped while detectors were behind.
    Stopped,
}

const REASONS: [(Reason, &str); 6] = [
    (Reason::ReceiveBuffer, "receive_buffer"),
    (Reason::PipelineFull, "pipeline_full"),
    (Reason::PeerRate, "peer_rate"),
    (Reason::Empty, "empty"),
    (Reason::NotStored, "not_stored"),
    (Reason::Stopped, "stopped"),
];

/// Why a connection was not taken or was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too many are open, in all or of one peer.
    Limit,
    /// No encryption was agreed on.
    Handshake,
    /// Encryption on a listener without.
    TlsOnPlain,
    /// A message took too long to arrive.
    Stalled,
}

const REFUSALS: [(Refusal, &str); 4] = [
    (Refusal::Limit, "limit"),
    (Refusal::Handshake, "handshake"),
    (Refusal::TlsOnPlain, "tls_on_plain"),
    (Refusal::Stalled, "stalled"),
];

/// Handles of the metrics.
#[derive(Debug)]
pub(super) struct Meters {
    received: [Counter; 3],
    bytes: [Counter; 3],
    dropped: [Counter; 6],
    refused: [Counter; 4],
    cut: Counter,
    unparsed: Counter,
    connections: Gauge,
    not_stored: Arc<NotStored>,
}

/// Counts messages whose findings could not be stored.
#[derive(Debug)]
struct NotStored {
    dropped: Counter,
    lost: AtomicU64,
}

impl AckSink for NotStored {
    fn settled(&self, messages: u64, outcome: Outcome) {
        if outcome == Outcome::Failed {
            self.dropped.inc_by(messages);
            self.lost.fetch_add(messages, Ordering::Relaxed);
        }
    }
}

impl Meters {
    /// The metrics of the module that `cx` belongs to.
    pub(super) fn new(cx: &Context) -> Self {
        let protocols = [Protocol::Udp, Protocol::Tcp, Protocol::Tls];
        let of_protocol =
            |spec, protocol: Protocol| cx.metrics.counter(spec, &[("protocol", protocol.name())]);
        let dropped = REASONS.map(|(_, name)| cx.metrics.counter(&DROPPED, &[("reason", name)]));
        let [.., not_stored, _] = &dropped;
        let not_stored = Arc::new(NotStored {
            dropped: not_stored.clone(),
            lost: AtomicU64::default(),
        });
        Self {
            received: protocols.map(|protocol| of_protocol(&RECEIVED, protocol)),
            bytes: protocols.map(|protocol| of_protocol(&BYTES, protocol)),
            refused: REFUSALS.map(|(_, name)| cx.metrics.counter(&REFUSED, &[("reason", name)])),
            cut: cx.metrics.counter(&CUT, &[]),
            unparsed: cx.metrics.counter(&UNPARSED, &[]),
            connections: cx.metrics.gauge(&CONNECTIONS, &[]),
            dropped,
            not_stored,
        }
    }

    /// Counts messages that arrived.
    pub(super) fn received(&self, protocol: Protocol, messages: u64, bytes: u64) {
        let index = protocol as usize;
        if let (Some(received), Some(read)) = (self.received.get(index), self.bytes.get(index)) {
            received.inc_by(messages);
            read.inc_by(bytes);
        }
    }

    /// Counts messages that were passed on but are not whole, or have no header.
    pub(super) fn odd(&self, cut: u64, unparsed: u64) {
        self.cut.inc_by(cut);
        self.unparsed.inc_by(unparsed);
    }

    /// Counts messages that were dropped.
    pub(super) fn dropped(&self, reason: Reason, messages: u64) {
        if let Some(counter) = self.dropped.get(reason as usize) {
            counter.inc_by(messages);
        }
    }

    /// Counts a connection that was not taken or was ended.
    pub(super) fn refused(&self, refusal: Refusal) {
        if let Some(counter) = self.refused.get(refusal as usize) {
            counter.inc();
        }
    }

    /// An acknowledgement of a batch of so many messages.
    pub(super) fn ack(&self, messages: usize) -> Ack {
        let sink = Arc::clone(&self.not_stored) as Arc<dyn AckSink>;
        Ack::new(sink, messages as u64)
    }

    /// How many messages were lost in the storage since the last call.
    pub(super) fn take_not_stored(&self) -> u64 {
        self.not_stored.lost.swap(0, Ordering::Relaxed)
    }

    /// Renews the figures in the health.
    pub(super) fn report(&self, cx: &Context, connections: usize) {
        let sum = |counters: &[Counter]| counters.iter().map(Counter::get).sum::<u64>();
        let open = i64::try_from(connections).unwrap_or(i64::MAX);
        if self.connections.set(open) != open {
            cx.health.detail("connections", open);
        }
        let known = cx.health.current().details;
        let (received, dropped) = (sum(&self.received), sum(&self.dropped));
        let figures = [
            ("messagesReceived", received),
            ("messagesEmitted", received.saturating_sub(dropped)),
            ("messagesDropped", dropped),
            ("messagesCut", self.cut.get()),
            ("parseErrors", self.unparsed.get()),
        ];
        for (name, figure) in figures {
            if known.get(name).and_then(serde_json::Value::as_u64) != Some(figure) {
                cx.health.detail(name, figure);
            }
        }
    }

    /// Says that messages were lost.
    pub(super) fn warn_of_loss(cx: &Context, lost: u64) {
        let message = format!(
            "{lost} messages led to findings that could not be stored; their senders cannot repeat them"
        );
        tracing::error!(module = cx.id, lost, "messages were lost in the storage");
        cx.health
            .raise("notStored", HealthStatus::Degraded, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        for (index, (reason, _)) in REASONS.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, (refusal, _)) in REFUSALS.into_iter().enumerate() {
            assert_eq!(refusal as usize, index);
        }
    }
}
