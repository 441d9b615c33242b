//! Metrics and health figures.

use opspilot_core::metrics::{Counter, MetricSpec};
use opspilot_core::module::Context;

use crate::detector::{Finding, Reason};

const LINES: MetricSpec = MetricSpec::counter(
    "opspilot_detector_lines_total",
    &[],
    "Lines that a detector looked at.",
);
const MATCHES: MetricSpec = MetricSpec::counter(
    "opspilot_detector_matches_total",
    &[],
    "Matches of rules, each counted on one incident.",
);
const CREATED: MetricSpec = MetricSpec::counter(
    "opspilot_detector_incidents_total",
    &[],
    "Incidents that a detector created.",
);
const SUPPRESSED: MetricSpec = MetricSpec::counter(
    "opspilot_detector_suppressed_total",
    &["reason"],
    "Matches that made no incident of their own and were counted on another.",
);
const CLEARED: MetricSpec = MetricSpec::counter(
    "opspilot_detector_cleared_total",
    &[],
    "Incidents whose condition was found to be over.",
);

/// The metrics of a detector.
pub(super) const METRICS: &[MetricSpec] = &[LINES, MATCHES, CREATED, SUPPRESSED, CLEARED];

/// The counters of one detector.
#[derive(Debug)]
pub(super) struct Meters {
    lines: Counter,
    matches: Counter,
    created: Counter,
    suppressed: [Counter; Reason::ALL.len()],
    cleared: Counter,
}

impl Meters {
    pub(super) fn of(cx: &Context) -> Self {
        let counter = |spec| cx.metrics.counter(spec, &[]);
        Self {
            lines: counter(&LINES),
            matches: counter(&MATCHES),
            created: counter(&CREATED),
            suppressed: Reason::ALL.map(|reason| {
                cx.metrics
                    .counter(&SUPPRESSED, &[("reason", reason.as_str())])
            }),
            cleared: counter(&CLEARED),
        }
    }

    pub(super) fn lines(&self, count: usize) {
        self.lines.inc_by(count as u64);
    }

    pub(super) fn finding(&self, finding: &Finding) {
        match finding {
            Finding::Created { event, .. } => {
                self.created.inc();
                self.matches.inc_by(event.occurrences);
            }
            Finding::Repeated { event, reason, .. } => {
                self.matches.inc_by(event.occurrences);
                let counters = Reason::ALL.iter().zip(&self.suppressed);
                let counter = counters
                    .filter(|(of, _)| *of == reason)
                    .map(|(_, counter)| counter)
                    .next();
                counter.map(|counter| counter.inc_by(event.occurrences));
            }
            Finding::Cleared { .. } => drop(self.cleared.inc()),
        }
    }
}
