//! Current values of all metrics with their kinds, for whoever sends them elsewhere. Read from the page, too.

use std::collections::BTreeMap;

use super::readings::Line;
use super::{MetricKind, Metrics};

/// A metric with the current values of all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyReading {
    /// The full name; that of a counter ends in `_total`.
    pub name: String,
    /// What it counts.
    pub help: String,
    /// Counter, gauge or histogram.
    pub kind: MetricKind,
    /// Its values. A histogram has those that end in `_bucket` (with the label `le`), `_sum` and `_count`.
    pub series: Vec<SeriesReading>,
}

/// The current value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesReading {
    /// The name with its suffix.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Metrics {
    /// The current values of everything that is measured, in the order of the page.
    #[must_use]
    pub fn families(&self) -> Vec<FamilyReading> {
        read(&self.render())
    }
}

fn read(page: &str) -> Vec<FamilyReading> {
    let mut families: Vec<FamilyReading> = Vec::new();
    let mut help = "";
    for line in page.lines() {
        if let Some(about) = line.strip_prefix("# HELP ") {
            help = about.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some(about) = line.strip_prefix("# TYPE ") {
            families.extend(begin(about, help));
        } else if let (Some(family), Some(series)) = (families.last_mut(), series(line)) {
            family.series.push(series);
        }
    }
    families
}

/// Reads `name kind`.
fn begin(about: &str, help: &str) -> Option<FamilyReading> {
    let (name, kind) = about.split_once(' ')?;
    let (kind, suffix) = match kind {
        "counter" => (MetricKind::Counter, "_total"),
        "gauge" => (MetricKind::Gauge, ""),
        "histogram" => (MetricKind::Histogram, ""),
        _ => return None,
    };
    Some(FamilyReading {
        name: format!("{name}{suffix}"),
        help: help.to_owned(),
        kind,
        series: Vec::new(),
    })
}

fn series(line: &str) -> Option<SeriesReading> {
    let Line {
        name,
        labels,
        value,
    } = Line::parse(line).filter(|_| !line.starts_with('#'))?;
    Some(SeriesReading {
        name: name.to_owned(),
        labels,
        value: value.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::MetricSpec;
    use super::*;

    #[test]
    fn each_kind_is_read_with_its_series() {
        let metrics = Metrics::default();
        let lines = MetricSpec::counter("opspilot_lines_total", &["reason"], "Lines seen.");
        metrics.counter(&lines, &[("reason", "a b")]).inc_by(3);
        let took = MetricSpec::histogram("opspilot_took_seconds", &[], "How long.");
        metrics.histogram(&took, &[]).observe(0.3);
        let depth = MetricSpec::gauge("opspilot_depth", &[], "Waiting.");
        metrics.gauge(&depth, &[]).set(-2);
        let families = metrics.families();
        let shown: Vec<_> = families
            .iter()
            .map(|family| (family.name.as_str(), family.kind, family.help.as_str()))
            .collect();
        let expected = [
            ("opspilot_lines_total", MetricKind::Counter, "Lines seen."),
            ("opspilot_took_seconds", MetricKind::Histogram, "How long."),
            ("opspilot_depth", MetricKind::Gauge, "Waiting."),
        ];
        assert_eq!(shown, expected);
        let counted = &families[0].series[0];
        assert_eq!(
            (counted.labels["reason"].as_str(), counted.value),
            ("a b", 3.0)
        );
        assert_eq!(families[2].series[0].value, -2.0);
        let took = &families[1].series;
        assert_eq!(
            took.iter()
                .filter(|one| one.name.ends_with("_bucket"))
                .count(),
            15
        );
        let sum = took
            .iter()
            .find(|one| one.name == "opspilot_took_seconds_sum");
        assert_eq!(sum.unwrap().value, 0.3);
    }
}
