//! What people can see of the module: metrics and health.

use opspilot_core::metrics::{Counter, Gauge, MetricSpec};
use opspilot_core::module::{Context, HealthStatus};

use super::eyes::Eyes;
use super::tailer::Totals;

const LINES: MetricSpec = MetricSpec::counter("opspilot_file_lines_total", &[], "Records read.");
const BYTES: MetricSpec = MetricSpec::counter("opspilot_file_bytes_total", &[], "Bytes read.");
const CUT: MetricSpec = MetricSpec::counter(
    "opspilot_file_lines_cut_total",
    &[],
    "Lines that were longer than allowed.",
);
const TRUNCATIONS: MetricSpec = MetricSpec::counter(
    "opspilot_file_truncations_total",
    &[],
    "Files that were truncated.",
);
const ROTATIONS: MetricSpec = MetricSpec::counter(
    "opspilot_file_rotations_total",
    &[],
    "Files that were renamed, removed or replaced.",
);
const LOST: MetricSpec = MetricSpec::counter(
    "opspilot_file_lost_total",
    &[],
    "Rotated files whose rest was not found, and compressed files that were not read to their end.",
);
const LAG: MetricSpec = MetricSpec::gauge(
    "opspilot_source_lag_bytes",
    &[],
    "Bytes that wait to be read.",
);
const FILES: MetricSpec =
    MetricSpec::gauge("opspilot_file_open_files", &[], "Files that are followed.");

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] =
    &[LINES, BYTES, CUT, TRUNCATIONS, ROTATIONS, LOST, LAG, FILES];

/// How many unreadable paths a health message names.
const NAMED: usize = 3;

/// Handles of the metrics.
#[derive(Debug)]
pub(super) struct Meters {
    lines: Counter,
    bytes: Counter,
    cut: Counter,
    truncations: Counter,
    rotations: Counter,
    lost: Counter,
    lag: Gauge,
    files: Gauge,
    counted: Totals,
}

impl Meters {
    /// The metrics of the module that `cx` belongs to.
    pub(super) fn new(cx: &Context) -> Self {
        let counter = |spec| cx.metrics.counter(spec, &[]);
        Self {
            lines: counter(&LINES),
            bytes: counter(&BYTES),
            cut: counter(&CUT),
            truncations: counter(&TRUNCATIONS),
            rotations: counter(&ROTATIONS),
            lost: counter(&LOST),
            lag: cx.metrics.gauge(&LAG, &[]),
            files: cx.metrics.gauge(&FILES, &[]),
            counted: Totals::default(),
        }
    }

    /// Counts what came since the last call.
    pub(super) fn count(&mut self, totals: Totals) {
        let before = std::mem::replace(&mut self.counted, totals);
        self.lines.inc_by(totals.read.lines - before.read.lines);
        self.bytes.inc_by(totals.read.bytes - before.read.bytes);
        self.cut.inc_by(totals.read.cut - before.read.cut);
        self.truncations
            .inc_by(totals.truncations - before.truncations);
        self.rotations.inc_by(totals.rotations - before.rotations);
        self.lost.inc_by(totals.lost - before.lost);
    }

    /// Says how the module is.
    pub(super) fn report(&self, cx: &Context, eyes: &Eyes) {
        let tailer = &eyes.tailer;
        let files = tailer.files();
        self.lag
            .set(i64::try_from(tailer.lag()).unwrap_or(i64::MAX));
        self.files.set(i64::try_from(files).unwrap_or(i64::MAX));
        cx.health.detail("files", files);
        cx.health.detail("linesIngested", self.counted.read.lines);
        cx.health.detail("linesCut", self.counted.read.cut);
        if let Some(offset) = tailer.only_offset() {
            cx.health.detail("byteOffset", offset);
        }
        report(cx, "read", unreadable(eyes));
        report(cx, "watch", eyes.watch.trouble().map(str::to_owned));
    }
}

fn report(cx: &Context, cause: &'static str, trouble: Option<String>) {
    match trouble {
        Some(message) => cx.health.raise(cause, HealthStatus::Degraded, message),
        None => cx.health.clear(cause),
    }
}

fn unreadable(eyes: &Eyes) -> Option<String> {
    let problems = eyes.tailer.problems();
    let named: Vec<String> = problems
        .iter()
        .take(NAMED)
        .map(|(path, problem)| format!("cannot read `{}`: {problem}", path.display()))
        .collect();
    let more = problems.len().saturating_sub(NAMED);
    match (named.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(named.join("; ")),
        (false, more) => Some(format!("{}; and {more} more", named.join("; "))),
    }
}
