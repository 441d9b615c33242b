//! What is counted, and how the module says how it is.

use opspilot_core::metrics::{Counter, MetricSpec};
use opspilot_core::module::Context;

use super::gather::{Gap, Tally};

const ENTRIES: MetricSpec = MetricSpec::counter(
    "opspilot_journal_entries_total",
    &[],
    "Entries of the journal that were read.",
);
const RECORDS: MetricSpec = MetricSpec::counter(
    "opspilot_journal_records_total",
    &[],
    "Entries of the journal that were sent.",
);
const CUT: MetricSpec = MetricSpec::counter(
    "opspilot_journal_cut_total",
    &[],
    "Messages that were longer than allowed.",
);
const GARBAGE: MetricSpec = MetricSpec::counter(
    "opspilot_journal_garbage_total",
    &[],
    "Lines of the reader that are no entries.",
);
const GAPS: MetricSpec = MetricSpec::counter(
    "opspilot_journal_gaps_total",
    &[],
    "Times that the entry where reading stopped was gone (vacuumed, or another journal).",
);
const MISSING: MetricSpec = MetricSpec::counter(
    "opspilot_journal_missing_total",
    &[],
    "Entries that were gone before they were read, as far as their numbers tell.",
);
const STARTS: MetricSpec = MetricSpec::counter(
    "opspilot_journal_reader_restarts_total",
    &[],
    "Times that the reader ended and was started again.",
);

/// The metrics of the module.
pub(super) const METRICS: &[MetricSpec] = &[ENTRIES, RECORDS, CUT, GARBAGE, GAPS, MISSING, STARTS];

/// Handles of the metrics.
#[derive(Debug)]
pub(super) struct Meters {
    entries: Counter,
    records: Counter,
    cut: Counter,
    garbage: Counter,
    gaps: Counter,
    missing: Counter,
    starts: Counter,
    counted: Tally,
}

impl Meters {
    /// The metrics of the module that `cx` belongs to.
    pub(super) fn new(cx: &Context) -> Self {
        let counter = |spec| cx.metrics.counter(spec, &[]);
        Self {
            entries: counter(&ENTRIES),
            records: counter(&RECORDS),
            cut: counter(&CUT),
            garbage: counter(&GARBAGE),
            gaps: counter(&GAPS),
            missing: counter(&MISSING),
            starts: counter(&STARTS),
            counted: Tally::default(),
        }
    }

    /// Counts what came since the last call.
    pub(super) fn count(&mut self, tally: Tally) {
        let before = std::mem::replace(&mut self.counted, tally);
        self.entries.inc_by(tally.entries - before.entries);
        self.records.inc_by(tally.records - before.records);
        self.cut.inc_by(tally.cut - before.cut);
        self.garbage.inc_by(tally.garbage - before.garbage);
        self.missing.inc_by(tally.missing - before.missing);
    }

    /// Shows the figures.
    pub(super) fn report(&self, cx: &Context) {
        cx.health.detail("entriesRead", self.counted.entries);
        cx.health.detail("entriesEmitted", self.counted.records);
        cx.health.detail("entriesCut", self.counted.cut);
        cx.health.detail("entriesMissing", self.counted.missing);
        cx.health.detail("errors", self.counted.garbage);
        cx.health.detail("restarts", self.starts.get());
        cx.health.detail("gaps", self.gaps.get());
    }

    /// The reader is started again.
    pub(super) fn started_again(&self) {
        self.starts.inc();
    }

    /// Says that entries are gone.
    pub(super) fn gap(&self, cx: &Context, gap: &Gap) {
        self.gaps.inc();
        let count = gap.missing.map_or_else(
            || "an unknown number of".to_owned(),
            |count| format!("up to {count}"),
        );
        tracing::warn!(
            module = cx.id,
            from = gap.from,
            to = gap.to,
            "{count} entries of the journal are gone: it was vacuumed or replaced before they were read"
        );
        cx.health
            .detail("lastGap", format!("{count} entries behind {}", gap.from));
    }
}
