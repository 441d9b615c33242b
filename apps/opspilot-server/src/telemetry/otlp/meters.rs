//! What the module counts of itself.

use opspilot_core::metrics::MetricSpec;

pub(super) const SENT: MetricSpec = MetricSpec::counter(
    "opspilot_telemetry_sent_total",
    &["signal"],
    "Data points, spans and messages that the collector took.",
);
pub(super) const LOST: MetricSpec = MetricSpec::counter(
    "opspilot_telemetry_lost_total",
    &["signal", "reason"],
    "Spans and messages that no collector has: full (there was no room to wait in), refused (the collector would never \
     take them), rejected (it took the rest of a request) or stopped (the end came first).",
);
pub(super) const FAILURES: MetricSpec = MetricSpec::counter(
    "opspilot_telemetry_failures_total",
    &["signal"],
    "Requests to the collector that failed.",
);
pub(super) const WAITING: MetricSpec = MetricSpec::gauge(
    "opspilot_telemetry_queue_depth",
    &["signal"],
    "Spans and messages that wait to be sent.",
);

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] = &[SENT, LOST, FAILURES, WAITING];
