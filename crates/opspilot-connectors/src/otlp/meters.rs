//! What the module counts.

use opspilot_core::metrics::MetricSpec;

pub(super) const REQUESTS: MetricSpec = MetricSpec::counter(
    "opspilot_otlp_requests_total",
    &["signal", "protocol", "outcome"],
    "Requests, by signal, protocol and outcome: stored, invalid, too_large, full, slow or failed.",
);
pub(super) const ITEMS: MetricSpec = MetricSpec::counter(
    "opspilot_otlp_items_total",
    &["kind"],
    "What requests held: record, sample, span (each span, also those that become no record), rejected.",
);
pub(super) const REFUSED: MetricSpec = MetricSpec::counter(
    "opspilot_otlp_refused_total",
    &["reason"],
    "Connections and requests refused for the sake of safety: connections, handshake, rate, credential, origin.",
);
pub(super) const CONNECTIONS: MetricSpec = MetricSpec::gauge(
    "opspilot_otlp_connections",
    &["protocol"],
    "Open connections.",
);

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] = &[REQUESTS, ITEMS, REFUSED, CONNECTIONS];
