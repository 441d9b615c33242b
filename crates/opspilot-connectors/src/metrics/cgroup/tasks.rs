//! The tasks of a cgroup: `pids.current`, `pids.max` and `pids.events`.

use crate::metrics::lines::{Lines, percent, tenths, whole};
use crate::metrics::text;

/// Reads from `pids.events` how often the limit refused a new task.
pub(super) fn parse_refused(text: &[u8]) -> Option<u64> {
    text::value(text, b"max")
}

/// Writes how many tasks (threads too) there are, of how many, and how many were refused since the cycle before.
pub(super) fn write(current: u64, limit: Option<u64>, refused: Option<u64>, lines: &mut Lines) {
    let mut figures = vec![whole("pids_current", current)];
    if let Some(limit) = limit {
        figures.push(whole("pids_limit", limit));
        figures.push(tenths(
            "pids_usage_percent",
            percent(current as f64, limit as f64),
        ));
    }
    figures.extend(refused.map(|count| whole("pids_refused", count)));
    lines.metric(&figures);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_a_share_of_the_limit() {
        let mut lines = Lines::default();
        write(30, Some(120), parse_refused(b"max 4\n"), &mut lines);
        write(30, None, None, &mut lines);
        let expected = [
            "[METRIC] pids_current=30 pids_limit=120 pids_usage_percent=25.0 pids_refused=4",
            "[METRIC] pids_current=30",
        ];
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }
}
