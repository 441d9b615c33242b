//! What every program of the field tells of its process.
//!
//! Source of the names: <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>. Source of the
//! values: proc(5). What the system does not tell is left out.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{MetricKind, MetricSpec, sentence};
use crate::clock::Timestamp;

/// Ticks a second in `/proc`: the kernel shows programs 100 on every machine that this one is built for (time(7)).
const TICKS: f64 = 100.0;

const CPU: MetricSpec = MetricSpec::counter(
    "process_cpu_seconds_total",
    &[],
    "Processor time that the process used.",
);
const RESIDENT: MetricSpec = MetricSpec::gauge(
    "process_resident_memory_bytes",
    &[],
    "Resident memory of the process.",
);
const VIRTUAL: MetricSpec = MetricSpec::gauge(
    "process_virtual_memory_bytes",
    &[],
    "Virtual memory of the process.",
);
const OPEN: MetricSpec = MetricSpec::gauge(
    "process_open_fds",
    &[],
    "File descriptors that the process has open.",
);
const MOST: MetricSpec = MetricSpec::gauge(
    "process_max_fds",
    &[],
    "File descriptors that the process may have open.",
);
const STARTED: MetricSpec = MetricSpec::gauge(
    "process_start_time_seconds",
    &[],
    "When the process started, in seconds since 1970.",
);

/// The metrics of a process.
pub const METRICS: &[MetricSpec] = &[CPU, RESIDENT, VIRTUAL, OPEN, MOST, STARTED];

/// Reads the process whenever the page is made.
#[derive(Debug)]
pub(super) struct Process {
    started_at: Timestamp,
}

impl Process {
    /// The process, which began at `started_at`.
    pub(super) const fn new(started_at: Timestamp) -> Self {
        Self { started_at }
    }

    fn values(&self) -> [(&'static MetricSpec, Option<f64>); 6] {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        let status = read("status").unwrap_or_default();
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 are exact for 200,000 years"
        )]
        let started = self.started_at.as_millis() as f64 / 1000.0;
        [
            (&CPU, read("stat").and_then(|stat| cpu(&stat))),
            (&RESIDENT, kibibytes(&status, "VmRSS:")),
            (&VIRTUAL, kibibytes(&status, "VmSize:")),
            (&OPEN, open()),
            (&MOST, read("limits").and_then(|limits| most(&limits))),
            (&STARTED, Some(started)),
        ]
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (spec, value) in self.values() {
            let Some(value) = value else { continue };
            let help = format!("{}.", sentence(spec.help));
            if spec.kind == MetricKind::Counter {
                let name = spec.name.trim_end_matches("_total");
                let encoder = encoder.encode_descriptor(name, &help, None, MetricType::Counter)?;
                ConstCounter::new(value).encode(encoder)?;
            } else {
                let encoder =
                    encoder.encode_descriptor(spec.name, &help, None, MetricType::Gauge)?;
                ConstGauge::new(value).encode(encoder)?;
            }
        }
        Ok(())
    }
}

/// Time in the program and in the kernel, the fields 14 and 15. The name in the second field may hold anything.
fn cpu(stat: &str) -> Option<f64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_ascii_whitespace().skip(11);
    let mut ticks = || times.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

fn kibibytes(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let number: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024.0)
}

/// How many there are, without the one that counts them.
fn open() -> Option<f64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(entries.saturating_sub(1)).ok().map(f64::from)
}

/// The soft limit; `None` where there is none.
fn most(limits: &str) -> Option<f64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_kernel_are_read_as_they_are() {
        let stat = "7 (a b) 9 9) S 1 7 7 0 -1 4194560 99 0 0 0 250 75 0 0 20 0 3 0 5 1 2";
        assert_eq!(cpu(stat), Some(3.25));
        assert_eq!(cpu("7 (a"), None);
        let status = "Name:\tx\nVmSize:\t    2048 kB\nVmRSS:\t 8 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(8192.0));
        assert_eq!(kibibytes(status, "VmHWM:"), None);
        let limits = "Limit   Soft Hard Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(most(limits), Some(1024.0));
        assert_eq!(most("Max open files   unlimited unlimited files"), None);
    }

    #[test]
    fn this_process_is_told_once() {
        let metrics = super::super::Metrics::default();
        metrics.tell_process(Timestamp::from_millis(1_500));
        metrics.tell_process(Timestamp::from_millis(9_000));
        let page = metrics.render();
        for spec in METRICS {
            let mark = format!("# TYPE {} ", spec.name.trim_end_matches("_total"));
            assert_eq!(page.matches(&mark).count(), 1, "{mark}: {page}");
        }
        assert!(
            page.contains("\nprocess_start_time_seconds 1.5\n"),
            "{page}"
        );
        assert!(page.contains("\nprocess_cpu_seconds_total "), "{page}");
    }
}
