//! What the module counts.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{Method, StatusCode};
use opspilot_core::metrics::{Counter, MetricSpec, ModuleMetrics};
use opspilot_core::module::HealthReporter;

use opspilot_net::ServerMetrics;

const REQUESTS: MetricSpec = MetricSpec::counter(
    "opspilot_http_requests_total",
    &["method", "status"],
    "Requests answered, by method and class of status.",
);
const ERRORS: MetricSpec = MetricSpec::counter(
    "opspilot_http_errors_total",
    &[],
    "Requests answered with a 5xx status.",
);
const REFUSED: MetricSpec = MetricSpec::counter(
    "opspilot_http_refused_total",
    &["reason"],
    "Connections and requests refused for the sake of safety: connections, host, origin, rate, credential, role, csrf.",
);
const CONNECTIONS: MetricSpec =
    MetricSpec::gauge("opspilot_http_connections", &[], "Open connections.");
const MISSED: MetricSpec = MetricSpec::counter(
    "opspilot_stream_missed_total",
    &[],
    "Events that listeners of the stream were told they missed.",
);

const VIOLATIONS: MetricSpec = MetricSpec::counter(
    "opspilot_http_csp_reports_total",
    &[],
    "Reports of browsers that a page broke the dashboard's policy.",
);

/// The metrics of whoever has a listener.
pub(super) const METRICS_OF_LISTENERS: [MetricSpec; 5] =
    [REQUESTS, ERRORS, REFUSED, CONNECTIONS, MISSED];

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] =
    &[REQUESTS, ERRORS, REFUSED, CONNECTIONS, MISSED, VIOLATIONS];

/// Why a request or connection was refused.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    Connections,
    Host,
    Origin,
    Rate,
    Credential,
    Role,
    Csrf,
}

/// Counts requests, in metrics and in the module's health.
#[derive(Debug)]
pub(super) struct ApiMetrics {
    metrics: ModuleMetrics,
    failed: Counter,
    health: HealthReporter,
    requests: AtomicU64,
    errors: AtomicU64,
}

impl ApiMetrics {
    /// Nothing was counted yet.
    pub(super) fn new(metrics: ModuleMetrics, health: HealthReporter) -> Self {
        health.detail("requestCount", 0);
        health.detail("errorCount", 0);
        Self {
            // A series that is there from the start can be watched for its first increase.
            failed: metrics.counter(&ERRORS, &[]),
            metrics,
            health,
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// Counts an answered request.
    pub(super) fn answered(&self, method: &Method, status: StatusCode) {
        let labels = [("method", known(method)), ("status", class(status))];
        self.metrics.counter(&REQUESTS, &labels).inc();
        let requests = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.health.detail("requestCount", requests);
        if status.is_server_error() {
            self.failed.inc();
            let errors = self.errors.fetch_add(1, Ordering::Relaxed) + 1;
            self.health.detail("errorCount", errors);
        }
    }

    /// Counts a refusal.
    pub(super) fn refused(&self, reason: Refusal) {
        self.metrics
            .counter(&REFUSED, &[("reason", reason.as_str())])
            .inc();
    }

    /// Counts events that a listener missed.
    pub(super) fn missed(&self, count: u64) {
        self.metrics.counter(&MISSED, &[]).inc_by(count);
    }

    /// Counts a report that a page broke the dashboard's policy.
    pub(super) fn violated(&self) {
        self.metrics.counter(&VIOLATIONS, &[]).inc();
    }

    /// What the server counts.
    pub(super) fn server(&self) -> ServerMetrics {
        let reason = Refusal::Connections.as_str();
        ServerMetrics {
            open: self.metrics.gauge(&CONNECTIONS, &[]),
            refused: self.metrics.counter(&REFUSED, &[("reason", reason)]),
        }
    }
}

impl Refusal {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Rate => "rate",
            Self::Credential => "credential",
            Self::Role => "role",
            Self::Csrf => "csrf",
        }
    }
}

/// Labels come from a closed set, whatever a client sends.
pub(super) fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
