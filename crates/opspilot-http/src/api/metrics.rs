//! What the module counts.

use std::sync::OnceLock;
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
    /// By method and class of status, made when first needed.
    answered: [[OnceLock<Counter>; CLASSES.len()]; METHODS.len()],
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
            answered: Default::default(),
            health,
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// Counts an answered request.
    pub(super) fn answered(&self, method: &Method, status: StatusCode) {
        let (method, class) = (place(method), class(status));
        let counter = self.answered.get(method).and_then(|row| row.get(class));
        if let Some(counter) = counter {
            counter.get_or_init(|| self.counter(method, class)).inc();
        }
        let requests = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.health.detail("requestCount", requests);
        if status.is_server_error() {
            self.failed.inc();
            let errors = self.errors.fetch_add(1, Ordering::Relaxed) + 1;
            self.health.detail("errorCount", errors);
        }
    }

    fn counter(&self, method: usize, class: usize) -> Counter {
        let name = |of: &[&'static str], place: usize| of.get(place).copied().unwrap_or_default();
        let labels = [
            ("method", name(&METHODS, method)),
            ("status", name(&CLASSES, class)),
        ];
        self.metrics.counter(&REQUESTS, &labels)
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
const METHODS: [&str; 7] = ["other", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
const CLASSES: [&str; 5] = ["5xx", "1xx", "2xx", "3xx", "4xx"];

/// The label of a method.
pub(super) fn known(method: &Method) -> &'static str {
    METHODS.get(place(method)).copied().unwrap_or_default()
}

fn place(method: &Method) -> usize {
    let found = METHODS.iter().position(|known| *known == method.as_str());
    found.unwrap_or(0)
}

fn class(status: StatusCode) -> usize {
    match status.as_u16() {
        hundreds @ 100..=499 => usize::from(hundreds / 100),
        _ => 0,
    }
}
