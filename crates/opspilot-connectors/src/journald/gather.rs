//! Makes batches of entries.

mod open;

use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Attributes, LogBatchBuilder, LogSource};
use serde_json::Value;

use self::open::{Known, Open, Raw};
use super::entry::{Entry, Place};
use super::filter::Filter;

/// What the first entry after a start should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum First {
    /// Anything.
    Any,
    /// The entry under this cursor, which was read before.
    Known(String),
    /// The last one that is not wanted, if it was written before this moment.
    Before(Timestamp),
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Entries that were read.
    pub(super) entries: u64,
    /// Records that were made of them.
    pub(super) records: u64,
    /// Messages that were cut.
    pub(super) cut: u64,
    /// Lines that are no entries.
    pub(super) garbage: u64,
    /// Entries that are gone, as far as their numbers tell.
    pub(super) missing: u64,
}

/// The entry where reading stopped was gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    /// The cursor of the one that was read last.
    pub(super) from: String,
    /// The cursor of the one that comes first now.
    pub(super) to: String,
    /// How many are missing at most; `None` if it cannot be told.
    pub(super) missing: Option<u64>,
}

/// A batch that is not acknowledged by anybody yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) builder: LogBatchBuilder,
    /// The position behind it.
    pub(super) end: u64,
    /// The cursor of its last entry.
    pub(super) cursor: String,
}

/// Makes batches of entries.
#[derive(Debug)]
pub(super) struct Gatherer {
    module: Arc<str>,
    name: Arc<str>,
    filter: Filter,
    longest: usize,
    most: usize,
    first: First,
    source: Option<Arc<LogSource>>,
    last: u64,
    tally: Tally,
    gap: Option<Gap>,
}

/// How a gatherer works.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) module: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) filter: Filter,
    /// The longest message, in bytes.
    pub(super) longest: usize,
    /// The most entries of a batch.
    pub(super) most: usize,
}

impl Gatherer {
    pub(super) fn new(settings: Settings) -> Self {
        let Settings {
            module,
            name,
            filter,
            longest,
            most,
        } = settings;
        Self {
            module,
            name,
            filter,
            longest,
            most,
            first: First::Any,
            source: None,
            last: 0,
            tally: Tally::default(),
            gap: None,
        }
    }

    /// Reading starts anew.
    pub(super) fn start(&mut self, first: First) {
        self.first = first;
        self.source = None;
    }

    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    pub(super) const fn take_gap(&mut self) -> Option<Gap> {
        self.gap.take()
    }

    /// The batches of whole lines.
    pub(super) fn gather(&mut self, raw: Vec<u8>, now: Timestamp) -> Vec<Draft> {
        let raw = Arc::new(Raw(raw));
        let mut drafts = Vec::new();
        let mut open: Option<Open> = None;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &raw.0) {
            let place = start..end;
            start = end + 1;
            let line = raw.0.get(place.clone()).unwrap_or_default();
            let Ok(entry) = Entry::parse(line) else {
                self.tally.garbage += u64::from(!line.trim_ascii().is_empty());
                continue;
            };
            let Some(at) = Place::parse(entry.cursor()) else {
                self.tally.garbage += 1;
                continue;
            };
            self.tally.entries += 1;
            let is_wanted = self.meet(&entry, at);
            if open
                .as_ref()
                .is_some_and(|open| !open.takes(self.source.as_ref(), at.number, self.most))
                && let Some(full) = open.take()
            {
                drafts.push(full.close(&raw, now));
            }
            let batch = match &mut open {
                Some(batch) => batch,
                None => open.insert(Open::new(
                    self.source(at.sequence),
                    at.number,
                    self.tally.records + 1,
                )),
            };
            batch.last = at.number;
            batch.cursor.clear();
            batch.cursor.push_str(entry.cursor());
            self.last = at.number;
            if let Some(message) = entry.message()
                && is_wanted
            {
                let kept = bounded(message, self.longest);
                let is_cut = kept.len() < message.len();
                self.tally.cut += u64::from(is_cut);
                self.tally.records += 1;
                batch.add(kept, at.number, Known { place, is_cut });
            }
        }
        drafts.extend(open.map(|open| open.close(&raw, now)));
        drafts
    }

    /// Compares an entry with what should come, and says whether it is wanted.
    fn meet(&mut self, entry: &Entry<'_>, at: Place<'_>) -> bool {
        let is_next = self
            .source
            .as_ref()
            .is_some_and(|source| *source.stream == *at.sequence);
        match std::mem::replace(&mut self.first, First::Any) {
            First::Any => {
                if is_next && self.filter.reads_all() {
                    self.tally.missing += at.number.saturating_sub(self.last + 1);
                }
            }
            First::Known(cursor) => {
                let known = Place::parse(&cursor);
                if known == Some(at) {
                    self.source(at.sequence);
                    return false;
                }
                let before =
                    known.filter(|known| known.sequence == at.sequence && known.number < at.number);
                let missing = before.map(|known| at.number - known.number - 1);
                self.tally.missing += missing.filter(|_| self.filter.reads_all()).unwrap_or(0);
                self.gap = Some(Gap {
                    from: cursor.clone(),
                    to: entry.cursor().to_owned(),
                    missing,
                });
            }
            First::Before(start) => {
                if entry.time().is_some_and(|time| time < start) {
                    self.source(at.sequence);
                    return false;
                }
            }
        }
        if !is_next {
            self.source(at.sequence);
        }
        self.filter.wants(entry)
    }

    fn source(&mut self, sequence: &str) -> Arc<LogSource> {
        if let Some(source) = &self.source
            && *source.stream == *sequence
        {
            return Arc::clone(source);
        }
        let collector = ("collector".to_owned(), Value::from(&*self.module));
        let source = Arc::new(LogSource {
            module: Arc::clone(&self.module),
            name: Arc::clone(&self.name),
            stream: sequence.into(),
            attributes: Attributes::from_iter([collector]),
        });
        self.source = Some(Arc::clone(&source));
        source
    }
}

/// The start of `message`, at most `longest` bytes, without half a character at its end.
fn bounded(message: &[u8], longest: usize) -> &[u8] {
    if message.len() <= longest {
        return message;
    }
    let is_boundary = |at: &usize| message.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let end = (longest.saturating_sub(3)..=longest)
        .rev()
        .find(is_boundary);
    message.get(..end.unwrap_or(longest)).unwrap_or(message)
}

#[cfg(test)]
mod tests;
