//! Pressure stall information, from `/proc/pressure/*` and `*.pressure` of a cgroup: see the kernel's
//! `Documentation/accounting/psi.rst`.

use std::time::Duration;

use super::config::{Config, Group};
use super::lines::{Figure, Lines, hundredths, percent, tenths};
use super::text;
use super::tree::Tree;

/// What tasks wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    /// A processor.
    Cpu,
    /// Memory.
    Memory,
    /// Disks.
    Io,
}

/// How long tasks waited.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pressure {
    /// At least one task waited.
    some: Stall,
    /// All tasks waited.
    full: Stall,
}

/// The pressure of the cycle before.
#[derive(Debug, Default)]
pub(super) struct Stalls([Option<Pressure>; 3]);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Stall {
    average_minute: f64,
    micros: u64,
}

impl Resource {
    /// All of them.
    const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Io];

    /// Its name in paths.
    const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }

    const fn figures(self) -> [&'static str; 4] {
        match self {
            Self::Cpu => [
                "cpu_pressure_some_percent",
                "cpu_pressure_full_percent",
                "cpu_pressure_some_avg60",
                "cpu_pressure_full_avg60",
            ],
            Self::Memory => [
                "memory_pressure_some_percent",
                "memory_pressure_full_percent",
                "memory_pressure_some_avg60",
                "memory_pressure_full_avg60",
            ],
            Self::Io => [
                "io_pressure_some_percent",
                "io_pressure_full_percent",
                "io_pressure_some_avg60",
                "io_pressure_full_avg60",
            ],
        }
    }
}

impl Stalls {
    /// Reads and writes the pressure; `path` says where the file of a resource is.
    pub(super) fn cycle(
        &mut self,
        (tree, config): (&mut Tree, &Config),
        path: impl Fn(&str) -> String,
        elapsed: Duration,
        lines: &mut Lines,
    ) {
        for (resource, slot) in Resource::ALL.into_iter().zip(&mut self.0) {
            let is_memory = resource == Resource::Memory && config.has(Group::Memory);
            if !is_memory && !config.has(Group::Pressure) {
                continue;
            }
            let Some(after) = tree.read(&path(resource.name()), parse) else {
                continue;
            };
            if let Some(before) = slot.replace(after) {
                after.write(resource, (&before, elapsed), lines);
            }
        }
    }
}

/// Reads the pressure of one resource. Older kernels have no `full` line for processors.
pub(super) fn parse(text: &[u8]) -> Option<Pressure> {
    let stall = |name: &[u8]| text::lines(text).find_map(|line| stall(line, name));
    Some(Pressure {
        some: stall(b"some")?,
        full: stall(b"full").unwrap_or_default(),
    })
}

fn stall(line: &[u8], name: &[u8]) -> Option<Stall> {
    let mut words = text::words(line);
    if words.next()? != name {
        return None;
    }
    let mut stall = Stall::default();
    for word in words {
        if let Some(average) = word.strip_prefix(b"avg60=") {
            stall.average_minute = text::decimal(average)?;
        } else if let Some(total) = word.strip_prefix(b"total=") {
            stall.micros = text::number(total)?;
        }
    }
    Some(stall)
}

impl Pressure {
    /// Writes which share of the time since `before` tasks waited, and the kernel's average of a minute.
    fn write(&self, resource: Resource, (before, elapsed): (&Self, Duration), lines: &mut Lines) {
        let [some, full, some_minute, full_minute] = resource.figures();
        lines.metric(&[
            share(some, &before.some, &self.some, elapsed),
            share(full, &before.full, &self.full, elapsed),
            hundredths(some_minute, self.some.average_minute),
            hundredths(full_minute, self.full.average_minute),
        ]);
    }
}

fn share(name: &'static str, before: &Stall, after: &Stall, elapsed: Duration) -> Figure {
    let waited = Duration::from_micros(after.micros.saturating_sub(before.micros));
    let share = percent(waited.as_secs_f64(), elapsed.as_secs_f64());
    // The two clocks are not read at the same instant.
    tenths(name, share.min(100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_the_time_between_two_samples() {
        let text = |total: u64| {
            let text = format!("some avg10=1.00 avg60=2.50 avg300=3.00 total={total}\n");
            parse(text.as_bytes()).unwrap()
        };
        let mut lines = Lines::default();
        let before = (&text(1_000_000), Duration::from_secs(10));
        text(3_000_000).write(Resource::Memory, before, &mut lines);
        let expected = "[METRIC] memory_pressure_some_percent=20.0 memory_pressure_full_percent=0.0 \
                        memory_pressure_some_avg60=2.50 memory_pressure_full_avg60=0.00";
        assert_eq!(lines.iter().collect::<Vec<_>>(), [expected]);
    }
}
