//! What is counted.

use opspilot_core::metrics::{Counter, MetricSpec};
use opspilot_core::module::Context;

const EVENTS: MetricSpec = MetricSpec::counter(
    "opspilot_cloudwatch_events_total",
    &["group"],
    "Events that were sent.",
);
const REQUESTS: MetricSpec = MetricSpec::counter(
    "opspilot_cloudwatch_requests_total",
    &["group"],
    "Pages that were asked for.",
);
const ERRORS: MetricSpec = MetricSpec::counter(
    "opspilot_cloudwatch_errors_total",
    &["group"],
    "Requests that failed, without those that were throttled.",
);
const THROTTLED: MetricSpec = MetricSpec::counter(
    "opspilot_cloudwatch_throttled_total",
    &["group"],
    "Requests that were refused because there were too many.",
);
const MISSING: MetricSpec = MetricSpec::counter(
    "opspilot_cloudwatch_missing_total",
    &["group"],
    "Events that were under way at a crash and are gone since.",
);
const EARLY: MetricSpec = MetricSpec::counter(
    "opspilot_cloudwatch_early_polls_total",
    &["group"],
    "Polls before their usual time, because live tail told of something new.",
);
/// Sessions of live tail that began.
pub(super) const SESSIONS: MetricSpec = MetricSpec::counter(
    "opspilot_cloudwatch_live_sessions_total",
    &[],
    "Sessions of live tail that began.",
);

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] = &[
    EVENTS, REQUESTS, ERRORS, THROTTLED, MISSING, EARLY, SESSIONS,
];

/// Handles of the metrics of one group.
#[derive(Debug)]
pub(super) struct Meters {
    pub(super) events: Counter,
    pub(super) requests: Counter,
    pub(super) errors: Counter,
    pub(super) throttled: Counter,
    pub(super) missing: Counter,
    pub(super) early: Counter,
}

impl Meters {
    /// The metrics of `group` in the module that `cx` belongs to.
    pub(super) fn new(cx: &Context, group: &str) -> Self {
        let counter = |spec| cx.metrics.counter(spec, &[("group", group)]);
        Self {
            events: counter(&EVENTS),
            requests: counter(&REQUESTS),
            errors: counter(&ERRORS),
            throttled: counter(&THROTTLED),
            missing: counter(&MISSING),
            early: counter(&EARLY),
        }
    }
}
