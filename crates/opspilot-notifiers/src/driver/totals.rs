//! What became of notices, over all notifiers of a module.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opspilot_core::bus::DeliveryError;
use opspilot_core::error::chain;
use opspilot_core::metrics::{Counter, MetricSpec};
use opspilot_core::module::{Context, HealthReporter};

pub(crate) const SENT: MetricSpec = MetricSpec::counter(
    "opspilot_notifications_sent_total",
    &[],
    "Notifications delivered.",
);
pub(crate) const HELD_BACK: MetricSpec = MetricSpec::counter(
    "opspilot_notifications_held_back_total",
    &[],
    "Notifications that a rate limit put into a summary.",
);
pub(crate) const ERRORS: MetricSpec = MetricSpec::counter(
    "opspilot_notification_errors_total",
    &["kind"],
    "Attempts to deliver that failed.",
);

/// Counts what became of notices; cloning clones a handle.
#[derive(Debug, Clone)]
pub struct Totals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sent: Total,
    held_back: Total,
    transient: Counter,
    permanent: Counter,
    errors: AtomicU64,
    health: HealthReporter,
}

#[derive(Debug)]
struct Total {
    count: AtomicU64,
    counter: Counter,
}

impl Totals {
    /// The totals of a module.
    #[must_use]
    pub fn new(cx: &Context) -> Self {
        let total = |spec: &MetricSpec| Total {
            count: AtomicU64::new(0),
            counter: cx.metrics.counter(spec, &[]),
        };
        let totals = Self(Arc::new(Inner {
            sent: total(&SENT),
            held_back: total(&HELD_BACK),
            transient: cx.metrics.counter(&ERRORS, &[("kind", "transient")]),
            permanent: cx.metrics.counter(&ERRORS, &[("kind", "permanent")]),
            errors: AtomicU64::new(0),
            health: cx.health.clone(),
        }));
        totals.sent(0);
        totals.held_back(0);
        cx.health.detail("totalErrors", 0);
        totals
    }

    pub(super) fn sent(&self, count: usize) {
        let total = self.0.sent.add(count as u64);
        self.0.health.detail("totalSent", total);
    }

    pub(super) fn held_back(&self, count: u64) {
        let total = self.0.held_back.add(count);
        self.0.health.detail("totalDropped", total);
    }

    pub(super) fn failed(&self, failure: &DeliveryError) {
        let counter = if failure.is_transient() {
            &self.0.transient
        } else {
            &self.0.permanent
        };
        counter.inc();
        let errors = self.0.errors.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.health.detail("totalErrors", errors);
        self.0.health.detail("lastError", chain(failure));
    }
}

impl Total {
    fn add(&self, count: u64) -> u64 {
        self.counter.inc_by(count);
        self.count.fetch_add(count, Ordering::Relaxed) + count
    }
}
