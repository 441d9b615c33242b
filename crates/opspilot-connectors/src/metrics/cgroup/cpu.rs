//! Processor time of a cgroup: `cpu.stat`, `cpu.max` and `cpuset.cpus.effective`.

use std::time::Duration;

use crate::metrics::lines::{Lines, hundredths, percent, tenths, whole};
use crate::metrics::text;

/// Processor time in microseconds, and how often the quota held the cgroup back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Times {
    usage: u64,
    user: u64,
    system: u64,
    /// Absent where no quota can be set.
    throttling: Option<Throttling>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Throttling {
    periods: u64,
    throttled: u64,
    micros: u64,
}

/// Reads `cpu.stat`.
pub(super) fn parse(text: &[u8]) -> Option<Times> {
    let value = |key: &[u8]| text::value(text, key);
    let throttling = || {
        Some(Throttling {
            periods: value(b"nr_periods")?,
            throttled: value(b"nr_throttled")?,
            micros: value(b"throttled_usec")?,
        })
    };
    Some(Times {
        usage: value(b"usage_usec")?,
        user: value(b"user_usec")?,
        system: value(b"system_usec")?,
        throttling: throttling(),
    })
}

/// Reads `cpu.max`, as a number of processors; nothing if there is no limit.
pub(super) fn parse_quota(text: &[u8]) -> Option<f64> {
    let mut words = text::words(text).map(text::number);
    let (quota, period) = (words.next()??, words.next()??);
    (period > 0).then(|| quota as f64 / period as f64)
}

/// Reads `cpuset.cpus.effective`, such as `0-3,8`: how many processors those are.
pub(super) fn parse_set(text: &[u8]) -> Option<usize> {
    let count = |range: &[u8]| {
        let mut ends = range.split(|byte| *byte == b'-').map(text::number);
        let first = ends.next()??;
        let last = ends.next().unwrap_or(Some(first))?;
        usize::try_from(last.checked_sub(first)?)
            .ok()?
            .checked_add(1)
    };
    let mut ranges = text.trim_ascii().split(|byte| *byte == b',').map(count);
    ranges.try_fold(0_usize, |sum, count| sum.checked_add(count?))
}

impl Times {
    /// Writes what was used since `before` of `limit` processors, and returns it in percent.
    pub(super) fn write(
        &self,
        (before, elapsed): (&Self, Duration),
        limit: f64,
        lines: &mut Lines,
    ) -> f64 {
        let possible = elapsed.as_secs_f64() * 1e6 * limit;
        let share =
            |of: fn(&Self) -> u64| percent(of(self).saturating_sub(of(before)) as f64, possible);
        let usage = share(|times| times.usage);
        lines.metric(&[tenths("cpu_usage_percent", usage)]);
        lines.metric(&[
            tenths("cpu_user_percent", share(|times| times.user)),
            tenths("cpu_system_percent", share(|times| times.system)),
            hundredths("cpu_limit_cores", limit),
        ]);
        if let (Some(after), Some(before)) = (self.throttling, before.throttling) {
            after.write(&before, lines);
        }
        usage
    }
}

impl Throttling {
    /// Writes in which share of the scheduler's periods the quota was used up, and for how long tasks waited then.
    fn write(&self, before: &Self, lines: &mut Lines) {
        let grown = |of: fn(&Self) -> u64| of(self).saturating_sub(of(before));
        let (periods, throttled) = (grown(|one| one.periods), grown(|one| one.throttled));
        lines.metric(&[
            tenths(
                "cpu_throttled_percent",
                percent(throttled as f64, periods as f64),
            ),
            whole("cpu_throttled_ms", grown(|one| one.micros) / 1000),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_of_the_limit() {
        let text = |usage: u64, throttled: u64| {
            let text = format!(
                "usage_usec {usage}\nuser_usec {usage}\nsystem_usec 0\nnr_periods {}\nnr_throttled {throttled}\n\
                 throttled_usec {}\n",
                throttled * 4,
                throttled * 2_000
            );
            parse(text.as_bytes()).unwrap()
        };
        let mut lines = Lines::default();
        let before = (&text(1_000_000, 0), Duration::from_secs(10));
        let usage = text(5_000_000, 25).write(before, 0.5, &mut lines);
        assert!((usage - 80.0).abs() < 1e-9);
        let expected = [
            "[METRIC] cpu_usage_percent=80.0",
            "[METRIC] cpu_user_percent=80.0 cpu_system_percent=0.0 cpu_limit_cores=0.50",
            "[METRIC] cpu_throttled_percent=25.0 cpu_throttled_ms=50",
        ];
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn limits_are_read() {
        assert_eq!(parse_quota(b"50000 100000\n"), Some(0.5));
        assert_eq!(parse_quota(b"max 100000\n"), None);
        assert_eq!(parse_quota(b"1 0\n"), None);
        assert_eq!(parse_set(b"0-3,8\n"), Some(5));
        assert_eq!(parse_set(b"7\n"), Some(1));
        assert_eq!(parse_set(b"\n"), None);
        assert_eq!(parse_set(b"3-0\n"), None);
    }
}
