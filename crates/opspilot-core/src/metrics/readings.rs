//! Current values, read from the page that a scraper gets: there is one list of what is measured.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Metrics;

/// The current value of one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reading {
    /// The metric's name.
    pub name: String,
    /// Its labels besides `module`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: i64,
}

impl Metrics {
    /// The current values of the metrics with the label `module`, in the order of the page.
    #[must_use]
    pub fn readings(&self, module: &str) -> Vec<Reading> {
        let page = self.render();
        let series = page.lines().filter(|line| !line.starts_with('#'));
        let own = |mut reading: Reading| {
            let is_own = reading.labels.remove("module").as_deref() == Some(module);
            is_own.then_some(reading)
        };
        series.filter_map(read).filter_map(own).collect()
    }
}

/// Reads a line such as `name{label="value"} 7`.
fn read(line: &str) -> Option<Reading> {
    let Line {
        name,
        labels,
        value,
    } = Line::parse(line)?;
    Some(Reading {
        name: name.to_owned(),
        labels,
        value: value.parse().ok()?,
    })
}

/// A line of the page that holds a value.
#[derive(Debug)]
pub(super) struct Line<'p> {
    pub(super) name: &'p str,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: &'p str,
}

impl<'p> Line<'p> {
    /// Reads `name{label="value"} 7` or `name 7`.
    pub(super) fn parse(line: &'p str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at_checked(end)?;
        let mut labels = BTreeMap::new();
        if let Some(behind) = rest.strip_prefix('{') {
            rest = behind;
            while !rest.starts_with('}') {
                let (label, behind) = rest.split_once("=\"")?;
                let (value, behind) = quoted(behind)?;
                labels.insert(label.trim_start_matches(',').to_owned(), value);
                rest = behind;
            }
            rest = rest.strip_prefix('}')?;
        }
        Some(Self {
            name,
            labels,
            value: rest.trim(),
        })
    }
}

/// The text up to the next quote that is not escaped, and what follows that quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::MetricSpec;
    use super::*;

    #[test]
    fn a_module_reads_its_own_series_alone() {
        let lines = MetricSpec::counter("opspilot_lines_total", &["reason"], "Lines seen.");
        let depth = MetricSpec::gauge("opspilot_depth", &[], "Waiting.");
        let metrics = Metrics::default();
        let module = metrics.of_module("connector.fileTail");
        module.counter(&lines, &[("reason", "cut")]).inc_by(3);
        module.gauge(&depth, &[]).set(-2);
        metrics
            .of_module("connector.other")
            .gauge(&depth, &[])
            .set(9);
        let readings = metrics.readings("connector.fileTail");
        let shown: Vec<_> = readings
            .iter()
            .map(|reading| {
                (
                    reading.name.as_str(),
                    reading.labels.get("reason"),
                    reading.value,
                )
            })
            .collect();
        let cut = "cut".to_owned();
        let expected = [
            ("opspilot_lines_total", Some(&cut), 3),
            ("opspilot_depth", None, -2),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn quotes_and_braces_in_labels_do_not_end_them() {
        let reading = read(r#"a{module="m",path="x\"} 1,\\n\n"} 7"#).unwrap();
        assert_eq!(reading.labels["path"], "x\"} 1,\\n\n");
        assert_eq!(reading.value, 7);
        for broken in ["a", "a{b=\"c} 1", "a{b=\"c\"} x", "a{b} 1"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
