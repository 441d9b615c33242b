//! What is counted, and how the module says how it is.

use opspilot_core::metrics::{Counter, MetricSpec};
use opspilot_core::module::Context;

use super::kind::Kind;

const FACTS: MetricSpec = MetricSpec::counter(
    "opspilot_kubernetes_facts_total",
    &["resource"],
    "Facts of objects that were sent.",
);
const CHANGES: MetricSpec = MetricSpec::counter(
    "opspilot_kubernetes_changes_total",
    &["resource"],
    "Objects that were looked at because they are new or changed.",
);
const WATCHES: MetricSpec = MetricSpec::counter(
    "opspilot_kubernetes_watches_total",
    &["resource"],
    "Watches that were opened.",
);
const LISTS: MetricSpec = MetricSpec::counter(
    "opspilot_kubernetes_lists_total",
    &["resource"],
    "Times that all objects were listed: at the first start, and when a watch came too late.",
);
const ERRORS: MetricSpec = MetricSpec::counter(
    "opspilot_kubernetes_errors_total",
    &["resource"],
    "Requests that failed.",
);
const UNREADABLE: MetricSpec = MetricSpec::counter(
    "opspilot_kubernetes_unreadable_total",
    &["resource"],
    "Objects that could not be read.",
);
/// Runs whose logs are lost.
pub(super) const RUNS_LOST: MetricSpec = MetricSpec::counter(
    "opspilot_kubernetes_log_runs_lost_total",
    &[],
    "Runs of containers whose log, or the rest of it, was gone before it was read.",
);

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] = &[
    FACTS, CHANGES, WATCHES, LISTS, ERRORS, UNREADABLE, RUNS_LOST,
];

/// Handles of the metrics of one resource.
#[derive(Debug)]
pub(super) struct Meters {
    kind: Kind,
    pub(super) facts: Counter,
    pub(super) changes: Counter,
    pub(super) watches: Counter,
    pub(super) lists: Counter,
    pub(super) errors: Counter,
    pub(super) unreadable: Counter,
}

impl Meters {
    /// The metrics of `kind` in the module that `cx` belongs to.
    pub(super) fn new(cx: &Context, kind: Kind) -> Self {
        let counter = |spec| cx.metrics.counter(spec, &[("resource", kind.resource())]);
        Self {
            kind,
            facts: counter(&FACTS),
            changes: counter(&CHANGES),
            watches: counter(&WATCHES),
            lists: counter(&LISTS),
            errors: counter(&ERRORS),
            unreadable: counter(&UNREADABLE),
        }
    }

    /// Shows the figures.
    pub(super) fn report(&self, cx: &Context) {
        let (sent, errors, lists) = match self.kind {
            Kind::Events => ("eventsProcessed", "eventErrors", "eventLists"),
            Kind::Pods => ("podAlertsEmitted", "podErrors", "podLists"),
            Kind::Logs => return,
            Kind::Nodes => ("nodeAlertsEmitted", "nodeErrors", "nodeLists"),
            Kind::Deployments => (
                "deploymentAlertsEmitted",
                "deploymentErrors",
                "deploymentLists",
            ),
        };
        cx.health.detail(sent, self.facts.get());
        cx.health.detail(errors, self.errors.get());
        cx.health.detail(lists, self.lists.get());
    }
}
