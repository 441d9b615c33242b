//! What the module counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opspilot_core::metrics::{Counter, Gauge, MetricSpec};

use super::super::state::State;
use super::pipe::Ending;

const CLIENTS: MetricSpec = MetricSpec::gauge(
    "opspilot_websocket_clients",
    &[],
    "Clients that are connected.",
);
const SENT: MetricSpec = MetricSpec::counter(
    "opspilot_websocket_frames_total",
    &[],
    "Events sent to clients, once for each client.",
);
const HEARD: MetricSpec = MetricSpec::counter(
    "opspilot_websocket_messages_total",
    &[],
    "Messages of clients.",
);
const CLOSED: MetricSpec = MetricSpec::counter(
    "opspilot_websocket_closed_total",
    &["reason"],
    "Connections that ended: gone, silent, stalled, stopping, credential, rate, size, malformed.",
);

/// The metrics of the module, besides those of its listener.
pub(super) const METRICS: [MetricSpec; 4] = [CLIENTS, SENT, HEARD, CLOSED];

/// Counts clients and what is said, in metrics and in the module's health; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Counts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: State,
    clients: Gauge,
    sent: Counter,
    heard: Counter,
    connections: AtomicU64,
}

/// A client that is counted until the value is dropped.
#[derive(Debug)]
pub(super) struct Present(Counts);

impl Counts {
    /// Nothing was counted yet.
    pub(super) fn new(state: &State) -> Self {
        let metrics = &state.cx.metrics;
        let counts = Self(Arc::new(Inner {
            clients: metrics.gauge(&CLIENTS, &[]),
            sent: metrics.counter(&SENT, &[]),
            heard: metrics.counter(&HEARD, &[]),
            connections: AtomicU64::new(0),
            state: state.clone(),
        }));
        counts.show();
        counts
    }

    /// Counts a client that comes.
    pub(super) fn enter(&self) -> Present {
        self.0.clients.inc();
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        self.show();
        Present(self.clone())
    }

    /// Counts a message of a client.
    pub(super) fn heard(&self) {
        self.0.heard.inc();
    }

    /// Counts frames that were written.
    pub(super) fn sent(&self, count: usize) {
        self.0.sent.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Counts events that a client was told it missed.
    pub(super) fn missed(&self, count: u64) {
        self.0.state.metrics().missed(count);
    }

    /// Shows the totals in the module's health.
    pub(super) fn show(&self) {
        let Inner {
            state,
            clients,
            sent,
            heard,
            connections,
        } = &*self.0;
        let health = &state.cx.health;
        health.detail("activeClients", clients.get());
        health.detail("totalConnections", connections.load(Ordering::Relaxed));
        health.detail("totalMessages", heard.get());
        health.detail("totalBroadcasts", sent.get());
    }
}

impl Present {
    /// Counts why the client leaves.
    pub(super) fn leave(self, ending: Ending) {
        let metrics = &self.0.0.state.cx.metrics;
        let reason = [("reason", ending.as_str())];
        metrics.counter(&CLOSED, &reason).inc();
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.clients.dec();
        self.0.show();
    }
}
