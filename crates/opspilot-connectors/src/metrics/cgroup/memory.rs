//! Memory of a cgroup: `memory.current`, `memory.stat`, `memory.events` and the limits.

use crate::metrics::lines::{Lines, mebibytes, whole};
use crate::metrics::memory::write_usage;
use crate::metrics::text;

/// What a cgroup's memory is used for, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stat {
    anonymous: u64,
    file: u64,
    inactive_file: u64,
}

/// How often something happened since the cgroup was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Events {
    high: u64,
    max: u64,
    oom: u64,
    kills: u64,
}

/// Reads `memory.stat`.
pub(super) fn parse(text: &[u8]) -> Option<Stat> {
    let value = |key: &[u8]| text::value(text, key);
    Some(Stat {
        anonymous: value(b"anon")?,
        file: value(b"file")?,
        inactive_file: value(b"inactive_file")?,
    })
}

/// Reads `memory.events`.
pub(super) fn parse_events(text: &[u8]) -> Option<Events> {
    let value = |key: &[u8]| text::value(text, key);
    Some(Events {
        high: value(b"high")?,
        max: value(b"max")?,
        oom: value(b"oom")?,
        // Since Linux 4.19 without a number of its own for groups.
        kills: value(b"oom_kill").unwrap_or(0),
    })
}

/// Reads a limit; nothing if it is `max`.
pub(super) fn parse_limit(text: &[u8]) -> Option<u64> {
    text::only(text)
}

impl Stat {
    /// Writes what is used of `total`, and returns it in percent.
    ///
    /// Used is what could not be given back at once: all but the file cache that was not touched lately, as the kubelet
    /// and `docker stats` count it.
    pub(super) fn write(
        &self,
        (current, total): (u64, Option<u64>),
        lines: &mut Lines,
    ) -> Option<f64> {
        let used = current.saturating_sub(self.inactive_file);
        let usage = total.map(|total| write_usage(used, total, lines));
        lines.metric(&[
            mebibytes("memory_anonymous_mb", self.anonymous),
            mebibytes("memory_cached_mb", self.file),
        ]);
        usage
    }
}

impl Events {
    /// Writes what happened since `before`.
    pub(super) fn write(&self, before: &Self, lines: &mut Lines) {
        let grown = |of: fn(&Self) -> u64| of(self).saturating_sub(of(before));
        lines.metric(&[
            whole("memory_high_events", grown(|events| events.high)),
            whole("memory_max_events", grown(|events| events.max)),
            whole("memory_oom_events", grown(|events| events.oom)),
            whole("memory_oom_kills", grown(|events| events.kills)),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_that_rests_is_not_used() {
        let stat =
            parse(b"anon 4194304\nfile 8388608\ninactive_anon 1\ninactive_file 6291456\n").unwrap();
        let mut lines = Lines::default();
        let usage = stat.write((12 << 20, Some(24 << 20)), &mut lines).unwrap();
        assert!((usage - 25.0).abs() < 1e-9);
        let events = |kills| {
            parse_events(format!("low 0\nhigh 7\nmax 3\noom 1\noom_kill {kills}\n").as_bytes())
        };
        events(3).unwrap().write(&events(1).unwrap(), &mut lines);
        let expected = [
            "[METRIC] memory_usage_percent=25.0 memory_used_mb=6 memory_total_mb=24",
            "[METRIC] memory_anonymous_mb=4 memory_cached_mb=8",
            "[METRIC] memory_high_events=0 memory_max_events=0 memory_oom_events=0 memory_oom_kills=2",
        ];
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
        assert_eq!(parse_limit(b"max\n"), None);
    }
}
