//! What the module counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opspilot_core::metrics::{Gauge, MetricSpec, ModuleMetrics};
use opspilot_core::module::{Context, HealthReporter};

use super::publish::Taken;

const DELIVERIES: MetricSpec = MetricSpec::counter(
    "opspilot_webhook_deliveries_total",
    &["route", "outcome"],
    "Deliveries, by route and outcome: stored, duplicate, refused, unreadable or unavailable.",
);
const SIGNALS: MetricSpec = MetricSpec::counter(
    "opspilot_webhook_signals_total",
    &["route", "kind"],
    "What deliveries said: created, repeated, resolved, unknown (the end of something never seen), line, truncated (left out by the sender).",
);
pub(super) const REFUSED: MetricSpec = MetricSpec::counter(
    "opspilot_webhook_refused_total",
    &["reason"],
    "Connections and requests refused for the sake of safety: connections, handshake, rate, origin, credential_missing, credential_wrong, signature_old.",
);
const CONNECTIONS: MetricSpec =
    MetricSpec::gauge("opspilot_webhook_connections", &[], "Open connections.");

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] = &[DELIVERIES, SIGNALS, REFUSED, CONNECTIONS];

/// Counts deliveries; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Meters {
    metrics: ModuleMetrics,
    health: HealthReporter,
    delivered: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl Meters {
    pub(super) fn new(cx: &Context) -> Self {
        cx.health.detail("deliveries", 0);
        cx.health.detail("refused", 0);
        Self {
            metrics: cx.metrics.clone(),
            health: cx.health.clone(),
            delivered: Arc::default(),
            refused: Arc::default(),
        }
    }

    pub(super) fn outcome(&self, route: &str, outcome: &str) {
        let labels = [("route", route), ("outcome", outcome)];
        self.metrics.counter(&DELIVERIES, &labels).inc();
        let delivered = self.delivered.fetch_add(1, Ordering::Relaxed) + 1;
        self.health.detail("deliveries", delivered);
    }

    pub(super) fn refused(&self, reason: &str) {
        self.metrics.counter(&REFUSED, &[("reason", reason)]).inc();
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        self.health.detail("refused", refused);
    }

    pub(super) fn taken(&self, route: &str, taken: &Taken, truncated: u64) {
        let kinds = [
            ("created", taken.created),
            ("repeated", taken.repeated),
            ("resolved", taken.resolved),
            ("unknown", taken.unknown),
            ("line", taken.lines),
            ("truncated", truncated),
        ];
        for (kind, count) in kinds.into_iter().filter(|(_, count)| *count > 0) {
            let labels = [("route", route), ("kind", kind)];
            self.metrics.counter(&SIGNALS, &labels).inc_by(count);
        }
    }

    pub(super) fn connections(&self) -> Gauge {
        self.metrics.gauge(&CONNECTIONS, &[])
    }
}
