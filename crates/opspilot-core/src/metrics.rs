//! Counters, gauges and histograms in the text formats of OpenMetrics and Prometheus.

mod classic;
mod families;
mod process;
mod readings;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter as RawCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as RawGauge;
use prometheus_client::metrics::histogram::Histogram as RawHistogram;
use prometheus_client::registry::Registry;

pub use families::{FamilyReading, SeriesReading};
pub use process::METRICS as PROCESS_METRICS;
pub use readings::Reading;

use crate::clock::Timestamp;

/// A counter; cloning it clones a handle.
pub type Counter = RawCounter;
/// A gauge; cloning it clones a handle.
pub type Gauge = RawGauge;
/// A histogram of seconds; cloning it clones a handle.
pub type Histogram = RawHistogram;

/// The upper bounds of the buckets of every histogram, in seconds.
const SECONDS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

type Labels = Vec<(String, String)>;
type Histograms = Family<Labels, RawHistogram, fn() -> RawHistogram>;

/// What a metric is called and means. Labels come from closed sets, never from input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricSpec {
    /// The full name, `opspilot_<noun>_<unit>`; counters end in `_total`.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricKind,
    /// The label names besides `module`.
    pub labels: &'static [&'static str],
    /// What it counts, in one sentence.
    pub help: &'static str,
}

/// The kinds of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often something took how many seconds.
    Histogram,
}

impl MetricSpec {
    const fn of(
        kind: MetricKind,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            labels,
            help,
        }
    }

    /// Describes a counter; `name` ends in `_total`.
    #[must_use]
    pub const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self::of(MetricKind::Counter, name, labels, help)
    }

    /// Describes a gauge.
    #[must_use]
    pub const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self::of(MetricKind::Gauge, name, labels, help)
    }

    /// Describes a histogram of seconds; `name` ends in `_seconds`.
    #[must_use]
    pub const fn histogram(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self::of(MetricKind::Histogram, name, labels, help)
    }
}

/// All metrics of a process; cloning it clones a handle.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Families>>);

#[derive(Default)]
struct Families {
    registry: Registry,
    counters: HashMap<&'static str, Family<Labels, RawCounter>>,
    gauges: HashMap<&'static str, Family<Labels, RawGauge>>,
    histograms: HashMap<&'static str, Histograms>,
    has_process: bool,
}

impl Metrics {
    /// The counter of `spec` with these label values.
    #[must_use]
    pub fn counter(&self, spec: &MetricSpec, labels: &[(&str, &str)]) -> Counter {
        let mut families = self.lock();
        let Families {
            registry, counters, ..
        } = &mut *families;
        let family = counters.entry(spec.name).or_insert_with(|| {
            let family = Family::default();
            // The encoder adds the suffix that OpenMetrics asks for.
            let name = spec.name.strip_suffix("_total").unwrap_or(spec.name);
            registry.register(name, sentence(spec.help), family.clone());
            family
        });
        family.get_or_create_owned(&owned(labels))
    }

    /// The gauge of `spec` with these label values.
    #[must_use]
    pub fn gauge(&self, spec: &MetricSpec, labels: &[(&str, &str)]) -> Gauge {
        let mut families = self.lock();
        let Families {
            registry, gauges, ..
        } = &mut *families;
        let family = gauges.entry(spec.name).or_insert_with(|| {
            let family = Family::default();
            registry.register(spec.name, sentence(spec.help), family.clone());
            family
        });
        family.get_or_create_owned(&owned(labels))
    }

    /// The histogram of `spec` with these label values.
    #[must_use]
    pub fn histogram(&self, spec: &MetricSpec, labels: &[(&str, &str)]) -> Histogram {
        let mut families = self.lock();
        let Families {
            registry,
            histograms,
            ..
        } = &mut *families;
        let family = histograms.entry(spec.name).or_insert_with(|| {
            let family = Family::new_with_constructor(of_seconds as fn() -> RawHistogram);
            registry.register(spec.name, sentence(spec.help), family.clone());
            family
        });
        family.get_or_create_owned(&owned(labels))
    }

    /// Adds the standard metrics of the process, which began at `started_at`; once is enough.
    pub fn tell_process(&self, started_at: Timestamp) {
        let mut families = self.lock();
        if !families.has_process {
            families.has_process = true;
            let process = process::Process::new(started_at);
            families.registry.register_collector(Box::new(process));
        }
    }

    /// The page for a scraper, in the OpenMetrics 1.0 text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = String::new();
        // Writing into a `String` cannot fail.
        if encode(&mut page, &self.lock().registry).is_err() {
            page.clear();
        }
        page
    }

    /// The same metrics, each with the label `module`.
    #[must_use]
    pub fn of_module(&self, module: &'static str) -> ModuleMetrics {
        ModuleMetrics {
            metrics: self.clone(),
            module,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Families> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_seconds() -> RawHistogram {
    RawHistogram::new(SECONDS)
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The registry adds a full stop of its own.
fn sentence(help: &str) -> &str {
    help.strip_suffix('.').unwrap_or(help)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The metrics of one module.
#[derive(Debug, Clone)]
pub struct ModuleMetrics {
    metrics: Metrics,
    module: &'static str,
}

impl ModuleMetrics {
    /// The module's counter of `spec`; keep the handle on hot paths.
    #[must_use]
    pub fn counter(&self, spec: &MetricSpec, labels: &[(&str, &str)]) -> Counter {
        self.metrics.counter(spec, &self.labelled(labels))
    }

    /// The module's gauge of `spec`; keep the handle on hot paths.
    #[must_use]
    pub fn gauge(&self, spec: &MetricSpec, labels: &[(&str, &str)]) -> Gauge {
        self.metrics.gauge(spec, &self.labelled(labels))
    }

    fn labelled<'a>(&self, labels: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [("module", self.module)]
            .into_iter()
            .chain(labels.iter().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: MetricSpec =
        MetricSpec::counter("opspilot_lines_total", &["reason"], "Lines seen.");

    #[test]
    fn the_same_labels_share_a_counter() {
        let metrics = Metrics::default();
        let module = metrics.of_module("connector.fileTail");
        module.counter(&LINES, &[("reason", "cut")]).inc();
        module.counter(&LINES, &[("reason", "cut")]).inc_by(2);
        let page = metrics.render();
        let expected = "# HELP opspilot_lines Lines seen.\n# TYPE opspilot_lines counter\n\
            opspilot_lines_total{module=\"connector.fileTail\",reason=\"cut\"} 3\n# EOF\n";
        assert_eq!(page, expected);
    }
}
