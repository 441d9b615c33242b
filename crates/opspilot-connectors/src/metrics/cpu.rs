//! Processor time, from `/proc/stat`: see proc_stat(5).

use super::lines::{Lines, percent, tenths};
use super::text;

/// Ticks that processors spent, by what they did. Guests' time is part of `user` and `nice`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ticks {
    user: u64,
    nice: u64,
    system: u64,
    idle: u64,
    iowait: u64,
    interrupts: u64,
    steal: u64,
}

/// The ticks since the machine started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sample {
    total: Ticks,
    cores: Vec<(u64, Ticks)>,
}

/// Reads `/proc/stat`.
pub(super) fn parse(text: &[u8]) -> Option<Sample> {
    let mut total = None;
    let mut cores = Vec::new();
    for line in text::lines(text) {
        let Some(rest) = line.strip_prefix(b"cpu") else {
            break;
        };
        let ticks = ticks(after_name(rest))?;
        if rest.first().is_some_and(u8::is_ascii_digit) {
            let name = text::words(rest).next()?;
            cores.push((text::number(name)?, ticks));
        } else {
            total = Some(ticks);
        }
    }
    Some(Sample {
        total: total?,
        cores,
    })
}

fn after_name(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(u8::is_ascii_whitespace);
    end.and_then(|end| rest.get(end..)).unwrap_or_default()
}

fn ticks(fields: &[u8]) -> Option<Ticks> {
    let mut numbers = text::words(fields).map(text::number);
    let mut next = || numbers.next().flatten();
    Some(Ticks {
        user: next()?,
        nice: next()?,
        system: next()?,
        idle: next()?,
        // Later kernels added what follows, one after the other.
        iowait: next().unwrap_or(0),
        interrupts: next().unwrap_or(0).saturating_add(next().unwrap_or(0)),
        steal: next().unwrap_or(0),
    })
}

impl Ticks {
    /// What passed since `before`. A processor that was switched off and on may count from a lower number.
    fn since(&self, before: &Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            nice: self.nice.saturating_sub(before.nice),
            system: self.system.saturating_sub(before.system),
            idle: self.idle.saturating_sub(before.idle),
            iowait: self.iowait.saturating_sub(before.iowait),
            interrupts: self.interrupts.saturating_sub(before.interrupts),
            steal: self.steal.saturating_sub(before.steal),
        }
    }

    fn busy(&self) -> f64 {
        [
            self.user,
            self.nice,
            self.system,
            self.interrupts,
            self.steal,
        ]
        .into_iter()
        .map(|ticks| ticks as f64)
        .sum()
    }

    fn all(&self) -> f64 {
        self.busy() + self.idle as f64 + self.iowait as f64
    }

    /// The share of time that was neither idle nor spent waiting for disks, in percent.
    fn usage(&self) -> f64 {
        percent(self.busy(), self.all())
    }
}

impl Sample {
    /// How many processors there are.
    pub(super) fn cores(&self) -> usize {
        self.cores.len().max(1)
    }

    /// Writes what was used since `before`, and returns the total in percent.
    pub(super) fn write(&self, before: &Self, lines: &mut Lines) -> f64 {
        let total = self.total.since(&before.total);
        let share = |ticks: u64| percent(ticks as f64, total.all());
        let usage = total.usage();
        lines.metric(&[tenths("cpu_usage_percent", usage)]);
        lines.metric(&[
            tenths("cpu_user_percent", share(total.user)),
            tenths("cpu_nice_percent", share(total.nice)),
            tenths("cpu_system_percent", share(total.system)),
            tenths("cpu_interrupts_percent", share(total.interrupts)),
            tenths("cpu_iowait_percent", share(total.iowait)),
            tenths("cpu_steal_percent", share(total.steal)),
        ]);
        for (core, ticks) in &self.cores {
            let Some((_, earlier)) = before.cores.iter().find(|(other, _)| other == core) else {
                continue;
            };
            let figure = tenths("cpu_core_usage_percent", ticks.since(earlier).usage());
            lines.labelled(&[figure], &[("core", core.to_string().as_bytes())]);
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_what_passed_between_two_samples() {
        let before = parse(b"cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 10 0 10 80 0 0 0 0 0 0\n").unwrap();
        let after =
            parse(b"cpu  40 0 20 110 10 5 5 10 0 0\ncpu0 40 0 20 110 10 5 5 10 0 0\nintr 9\n")
                .unwrap();
        let mut lines = Lines::default();
        let usage = after.write(&before, &mut lines);
        assert!((usage - 60.0).abs() < 1e-9);
        let lines: Vec<&str> = lines.iter().collect();
        let expected = [
            "[METRIC] cpu_usage_percent=60.0",
            "[METRIC] cpu_user_percent=30.0 cpu_nice_percent=0.0 cpu_system_percent=10.0 \
             cpu_interrupts_percent=10.0 cpu_iowait_percent=10.0 cpu_steal_percent=10.0",
            "[METRIC] cpu_core_usage_percent=60.0 core=0",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn no_ticks_are_no_usage() {
        let sample = parse(b"cpu  1 2 3 4\n").unwrap();
        let mut lines = Lines::default();
        assert!(sample.write(&sample, &mut lines).abs() < f64::EPSILON);
    }
}
