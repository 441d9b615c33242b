//! The text format of Prometheus, version 0.0.4, made from the OpenMetrics page: there is one list of what is measured.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>. It differs in two ways that matter here: the
//! lines about a counter name it with its suffix, and nothing stands at the end.

use std::collections::HashSet;

use super::Metrics;

impl Metrics {
    /// The page for a scraper, in the text format of Prometheus.
    #[must_use]
    pub fn render_classic(&self) -> String {
        classic(&self.render())
    }
}

fn classic(page: &str) -> String {
    let counters: HashSet<&str> = page.lines().filter_map(counter).collect();
    let mut out = String::with_capacity(page.len() + 8 * counters.len());
    for line in page.lines().filter(|line| *line != "# EOF") {
        match about(line) {
            Some((head, name, rest)) if counters.contains(name) => {
                out.extend([head, name, "_total ", rest]);
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// The name in `# TYPE name counter`.
fn counter(line: &str) -> Option<&str> {
    line.strip_prefix("# TYPE ")?.strip_suffix(" counter")
}

/// A line about a family, as its mark, the family's name and the rest.
fn about(line: &str) -> Option<(&str, &str, &str)> {
    let mark = ["# HELP ", "# TYPE "]
        .into_iter()
        .find(|mark| line.starts_with(mark))?;
    let (name, rest) = line.strip_prefix(mark)?.split_once(' ')?;
    Some((mark, name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_in_full_and_the_rest_stays() {
        let page = "# HELP a_seen Lines a_seen.\n# TYPE a_seen counter\na_seen_total{x=\"# EOF\"} 3\n\
            # HELP b Depth.\n# TYPE b gauge\nb -1\n# EOF\n";
        let expected = "# HELP a_seen_total Lines a_seen.\n# TYPE a_seen_total counter\na_seen_total{x=\"# EOF\"} 3\n\
            # HELP b Depth.\n# TYPE b gauge\nb -1\n";
        assert_eq!(classic(page), expected);
    }
}
