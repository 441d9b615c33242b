//! Batches of log records.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::ack::Ack;
use super::pool::{BufferPool, Home};
use crate::clock::Timestamp;

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
    pub attributes: Map<String, Value>,
}

/// A batch of records that share one buffer; cloning it clones a handle.
#[derive(Clone)]
pub struct LogBatch(Arc<Inner>);

struct Inner {
    source: Arc<LogSource>,
    buffer: Vec<u8>,
    records: Vec<Span>,
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

    /// True if there are no records: the batch only moves the position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.records.is_empty()
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

    /// The records before `position` and those from there on, as two batches that share the acknowledgement. Copies the
    /// bytes: for the rare stream that is read again.
    #[must_use]
    pub fn split_at(&self, position: u64) -> (Self, Self) {
        let inner = &*self.0;
        let is_before = |span: &Span| inner.base + u64::from(span.offset) < position;
        let count = inner.records.partition_point(is_before);
        let (before, from) = inner.records.split_at(count);
        let part = |records: &[Span], first_line: u64, end: u64| {
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
                base: inner.base,
                end,
                first_line,
                received_at: inner.received_at,
                ack: inner.ack.clone(),
                home: Home::default(),
            }))
        };
        let first = part(before, inner.first_line, position.min(inner.end));
        let second = part(from, inner.first_line + count as u64, inner.end);
        (first, second)
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

/// Builds a [`LogBatch`] around a buffer.
#[derive(Debug)]
pub struct LogBatchBuilder {
    source: Arc<LogSource>,
    buffer: Vec<u8>,
    records: Vec<Span>,
    base: u64,
    first_line: u64,
    received_at: Timestamp,
    home: Home,
}

impl LogBatchBuilder {
    /// Starts a batch whose buffer begins at position `base` of the stream. Its first record is number `first_line`.
    ///
    /// Buffers are at most 4 GiB; connectors use up to 256 KiB plus one record.
    #[must_use]
    pub fn new(
        source: Arc<LogSource>,
        buffer: Vec<u8>,
        (base, first_line): (u64, u64),
        received_at: Timestamp,
    ) -> Self {
        Self {
            source,
            buffer,
            records: Vec::new(),
            base,
            first_line,
            received_at,
            home: Home::default(),
        }
    }

    /// Gives the buffer back to `pool` when the batch is dropped.
    #[must_use]
    pub fn pooled(mut self, pool: &BufferPool) -> Self {
        self.home = pool.home();
        self
    }

    /// The buffer.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Reserves room for `additional` more records.
    pub fn reserve(&mut self, additional: usize) {
        self.records.reserve(additional);
    }

    /// Adds the record that occupies `range` of the buffer and starts `offset` bytes behind `base` in the stream (the
    /// two differ where the buffer was re-encoded). Ranges must ascend; one outside of the buffer is ignored.
    pub fn record(&mut self, range: std::ops::Range<usize>, offset: usize) {
        let narrow = |value: usize| u32::try_from(value).ok();
        let span = (narrow(range.start), narrow(range.end), narrow(offset));
        if let (Some(start), Some(end), Some(offset)) = span
            && range.end <= self.buffer.len()
        {
            self.records.push(Span { start, end, offset });
        }
    }

    /// How many records were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if no record was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Finishes the batch, which ends at position `end` of the stream and is acknowledged through `ack`.
    #[must_use]
    pub fn build(self, end: u64, ack: Ack) -> LogBatch {
        let Self {
            source,
            buffer,
            records,
            base,
            first_line,
            received_at,
            home,
        } = self;
        LogBatch(Arc::new(Inner {
            source,
            buffer,
            records,
            base,
            end,
            first_line,
            received_at,
            ack,
            home,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(text: &str) -> LogBatch {
        let source = LogSource {
            module: "connector.fileTail".into(),
            name: "/var/log/app.log".into(),
            stream: "s1".into(),
            attributes: Map::new(),
        };
        let mut builder = LogBatchBuilder::new(
            Arc::new(source),
            text.as_bytes().to_vec(),
            (100, 1),
            Timestamp::UNIX_EPOCH,
        );
        let mut start = 0;
        for (end, _) in text.match_indices('\n') {
            builder.record(start..end, start);
            start = end + 1;
        }
        builder.build(100 + text.len() as u64, Ack::ignored())
    }

    #[test]
    fn records_know_their_position_and_number() {
        let batch = batch("one\ntwo\n");
        let second = batch.get(1).unwrap();
        assert_eq!(
            (second.bytes, second.position, second.number),
            (&b"two"[..], 104, 2)
        );
    }

    #[test]
    fn a_batch_is_split_at_a_position() {
        let batch = batch("one\ntwo\nthree\n");
        let (before, from) = batch.split_at(104);
        let texts = |batch: &LogBatch| {
            batch
                .iter()
                .map(|record| (record.text().into_owned(), record.number))
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&before), [("one".to_owned(), 1)]);
        assert_eq!(
            texts(&from),
            [("two".to_owned(), 2), ("three".to_owned(), 3)]
        );
        assert_eq!((before.end(), from.end()), (104, 114));
        assert!(batch.split_at(0).0.is_empty() && batch.split_at(999).1.is_empty());
    }

    #[test]
    fn a_byte_finds_its_record() {
        let batch = batch("one\ntwo\n");
        assert_eq!(
            [0, 2, 3, 4, 7].map(|at| batch.index_at(at)),
            [0, 0, 0, 1, 1]
        );
        assert_eq!(batch.index_at(8), 2);
    }
}
