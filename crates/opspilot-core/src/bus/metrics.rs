//! What the bus counts.

use crate::metrics::{Counter, MetricSpec, Metrics};

const STORED: MetricSpec = MetricSpec::counter(
    "opspilot_events_stored_total",
    &[],
    "Events written to the journal.",
);
const REPEATED: MetricSpec = MetricSpec::counter(
    "opspilot_events_repeated_total",
    &[],
    "Events dropped because they were stored before a source was read again.",
);
const SHED: MetricSpec = MetricSpec::counter(
    "opspilot_events_shed_total",
    &[],
    "Events that left the journal before the slowest consumer saw them.",
);
pub(super) const QUEUE_DEPTH: MetricSpec = MetricSpec::gauge(
    "opspilot_signal_queue_depth",
    &[],
    "Log batches that wait for the module.",
);

/// The metrics of the bus.
pub const METRICS: &[MetricSpec] = &[STORED, REPEATED, SHED, QUEUE_DEPTH];

/// The counters of the ledger.
pub(super) struct BusMetrics {
    pub(super) stored: Counter,
    pub(super) repeated: Counter,
    pub(super) shed: Counter,
}

impl BusMetrics {
    /// Nothing was counted yet.
    pub(super) fn of(registry: &Metrics) -> Self {
        Self {
            stored: registry.counter(&STORED, &[]),
            repeated: registry.counter(&REPEATED, &[]),
            shed: registry.counter(&SHED, &[]),
        }
    }
}
