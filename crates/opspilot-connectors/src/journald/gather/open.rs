//! A batch that is being filled.

use std::ops::Range;
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Attributes, Facts, LogBatch, LogBatchBuilder, LogSource};

use super::Draft;
use crate::journald::entry::Entry;

/// The most text of one batch, in bytes, before its last record.
const BATCH_BYTES: usize = 256 << 10;

/// A batch that takes more entries.
#[derive(Debug)]
pub(super) struct Open {
    source: Arc<LogSource>,
    base: u64,
    first_line: u64,
    pub(super) last: u64,
    pub(super) cursor: String,
    text: Vec<u8>,
    records: Vec<(Range<usize>, usize)>,
    known: Vec<Known>,
}

impl Open {
    pub(super) const fn new(source: Arc<LogSource>, base: u64, first_line: u64) -> Self {
        Self {
            source,
            base,
            first_line,
            last: base,
            cursor: String::new(),
            text: Vec::new(),
            records: Vec::new(),
            known: Vec::new(),
        }
    }

    /// True if the entry with this number, of this source, can be added. Positions within a batch ascend.
    pub(super) fn takes(&self, source: Option<&Arc<LogSource>>, number: u64, most: usize) -> bool {
        source.is_some_and(|source| Arc::ptr_eq(source, &self.source))
            && number > self.last
            && u32::try_from(number - self.base).is_ok()
            && self.records.len() < most
            && self.text.len() < BATCH_BYTES
    }

    pub(super) fn add(&mut self, message: &[u8], number: u64, known: Known) {
        let start = self.text.len();
        self.text.extend_from_slice(message);
        let offset = usize::try_from(number - self.base).unwrap_or(usize::MAX);
        self.records.push((start..self.text.len(), offset));
        self.text.push(b'\n');
        self.known.push(known);
    }

    pub(super) fn close(self, raw: &Arc<Raw>, now: Timestamp) -> Draft {
        let place = (self.base, self.first_line);
        let mut builder = LogBatchBuilder::new(self.source, self.text, place, now);
        for (range, offset) in self.records {
            builder.record(range, offset);
        }
        let facts = Entries {
            raw: Arc::clone(raw),
            known: self.known,
        };
        Draft {
            builder: builder.facts(Arc::new(facts)),
            end: self.last + 1,
            cursor: self.cursor,
        }
    }
}

/// Lines as they arrived.
#[derive(Debug)]
pub(super) struct Raw(pub(super) Vec<u8>);

/// What is known of one record.
#[derive(Debug)]
pub(super) struct Known {
    /// Its line.
    pub(super) place: Range<usize>,
    pub(super) is_cut: bool,
}

/// The entries behind a batch: read again when somebody asks.
#[derive(Debug)]
struct Entries {
    raw: Arc<Raw>,
    known: Vec<Known>,
}

impl Facts for Entries {
    fn of(&self, _: &LogBatch, index: usize) -> Attributes {
        let Some(known) = self.known.get(index) else {
            return Attributes::new();
        };
        let line = self.raw.0.get(known.place.clone()).unwrap_or_default();
        let mut attributes =
            Entry::parse(line).map_or_else(|_| Attributes::new(), |entry| entry.attributes());
        if known.is_cut {
            attributes.insert("truncated".to_owned(), true.into());
        }
        attributes
    }
}
