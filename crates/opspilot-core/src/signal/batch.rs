//! Batches of log records.

mod builder;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::ack::Ack;
use super::facts::{Attributes, Facts, Sample};
use super::pool::Home;
use crate::clock::Timestamp;

pub use self::builder::LogBatchBuilder;

/// Where log records come from: one file, one journal, one peer.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSource {
    /// The connector's module id.
    pub module: Arc<str>,
    /// The name people know it by, for example the file's path. It is the `source` of the contract.
    pub name: Arc<str>,
    /// The identity of the stream, stable over restarts and renames. Positions are meaningful within one stream only.
    pub stream: Arc<str>,
    /// Facts that hold for every record of the source: host, unit, pod.
    pub attributes: Attributes,
}

/// A batch of records that share one buffer; cloning it clones a handle.
#[derive(Clone)]
pub struct LogBatch(Arc<Inner>);

struct Inner {
    source: Arc<LogSource>,
    buffer: Vec<u8>,
    records: Vec<Span>,
    samples: Vec<(u32, Sample)>,
    facts: Option<Arc<dyn Facts>>,
    /// The batch that this is a part of, and how many of its records come before.
    whole: Option<(LogBatch, usize)>,
    base: u64,
    end: u64,
    first_line: u64,
    received_at: Timestamp,
    ack: Ack,
    home: Home,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    offset: u32,
}

/// One record of a batch, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRecord<'a> {
    /// The bytes, without line end. They need not be UTF-8.
    pub bytes: &'a [u8],
    /// Where the record starts in its stream.
    pub position: u64,
    /// Its number in the stream since the connector started, from 1; blank lines do not count.
    pub number: u64,
}

impl LogRecord<'_> {
    /// The record as text; what is not UTF-8 shows as U+FFFD.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.bytes)
    }
}

impl LogBatch {
    /// The source of every record.
    #[must_use]
    pub fn source(&self) -> &Arc<LogSource> {
        &self.0.source
    }

    /// The shared buffer. Records are ranges of it; what lies between them are line ends.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.0.buffer
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.records.len()
    }

    /// True if there are neither records nor samples: the batch only moves the position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.records.is_empty() && self.0.samples.is_empty()
    }

    /// Where the first record or sample starts in the stream.
    #[must_use]
    pub fn start(&self) -> Option<u64> {
        let record = self.get(0).map(|record| record.position);
        let sample = self.samples().next().map(|(position, _)| position);
        record.into_iter().chain(sample).min()
    }

    /// The numbers that were read, each with its position: they count on from the start of the batch.
    pub fn samples(&self) -> impl Iterator<Item = (u64, &Sample)> {
        let samples = self.0.samples.iter();
        samples.map(|(offset, sample)| (self.0.base + u64::from(*offset), sample))
    }

    /// What is known of the record at `index`: the facts of its source, and its own.
    #[must_use]
    pub fn attributes(&self, index: usize) -> Attributes {
        if let Some((whole, before)) = &self.0.whole {
            return whole.attributes(before + index);
        }
        let mut attributes = self.0.source.attributes.clone();
        if let Some(facts) = &self.0.facts {
            attributes.extend(facts.of(self, index));
        }
        attributes
    }

    /// The record at `index`, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<LogRecord<'_>> {
        let span = self.0.records.get(index)?;
        Some(LogRecord {
            bytes: self.0.buffer.get(span.start as usize..span.end as usize)?,
            position: self.0.base + u64::from(span.offset),
            number: self.0.first_line + index as u64,
        })
    }

    /// The index of the record that contains byte `at` of the buffer, or of the next one if `at` lies between two.
    #[must_use]
    pub fn index_at(&self, at: usize) -> usize {
        self.0
            .records
            .partition_point(|span| (span.end as usize) < at)
    }

    /// The range of the buffer that the record at `index` occupies.
    #[must_use]
    pub fn range(&self, index: usize) -> Option<std::ops::Range<usize>> {
        self.0
            .records
            .get(index)
            .map(|span| span.start as usize..span.end as usize)
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = LogRecord<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The position behind the last record: what the source resumes from once the batch is settled.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.0.end
    }

    /// The records and samples before `position` and those from there on, as two batches that share the acknowledgement. Copies the
    /// bytes: for the rare stream that is read again.
    #[must_use]
    pub fn split_at(&self, position: u64) -> (Self, Self) {
        let inner = &*self.0;
        let is_before = |span: &Span| inner.base + u64::from(span.offset) < position;
        let count = inner.records.partition_point(is_before);
        let (before, from) = inner.records.split_at(count);
        let is_early = |(offset, _): &(u32, Sample)| inner.base + u64::from(*offset) < position;
        let (early, late) = inner
            .samples
            .split_at(inner.samples.partition_point(is_early));
        let part = |(records, samples): (&[Span], &[(u32, Sample)]), first: usize, end: u64| {
            let start = records.first().map_or(0, |span| span.start);
            let stop = records.last().map_or(0, |span| span.end) as usize;
            let bytes = inner.buffer.get(start as usize..stop).unwrap_or_default();
            let moved = |span: &Span| Span {
                start: span.start - start,
                end: span.end - start,
                offset: span.offset,
            };
            Self(Arc::new(Inner {
                source: Arc::clone(&inner.source),
                buffer: bytes.to_vec(),
                records: records.iter().map(moved).collect(),
                samples: samples.to_vec(),
                facts: None,
                whole: Some((self.clone(), first)),
                base: inner.base,
                end,
                first_line: inner.first_line + first as u64,
                received_at: inner.received_at,
                ack: inner.ack.clone(),
                home: Home::default(),
            }))
        };
        let first = part((before, early), 0, position.min(inner.end));
        (first, part((from, late), count, inner.end))
    }

    /// When the connector received the records.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.0.received_at
    }

    /// A share in the batch's acknowledgement, for what is derived from it.
    #[must_use]
    pub fn ack(&self) -> Ack {
        self.0.ack.clone()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.home.give_back(std::mem::take(&mut self.buffer));
    }
}

impl fmt::Debug for LogBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogBatch")
            .field("source", &self.0.source.name)
            .field("records", &self.len())
            .field("end", &self.0.end)
            .finish_non_exhaustive()
    }
}
