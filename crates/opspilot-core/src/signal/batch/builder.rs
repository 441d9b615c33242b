//! Makes batches.

use std::sync::Arc;

use super::{Inner, LogBatch, LogSource, Span};
use crate::clock::Timestamp;
use crate::signal::ack::Ack;
use crate::signal::facts::{Facts, Sample};
use crate::signal::pool::{BufferPool, Home};

/// Builds a [`LogBatch`] around a buffer.
#[derive(Debug)]
pub struct LogBatchBuilder {
    source: Arc<LogSource>,
    buffer: Vec<u8>,
    records: Vec<Span>,
    samples: Vec<(u32, Sample)>,
    facts: Option<Arc<dyn Facts>>,
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
            samples: Vec::new(),
            facts: None,
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

    /// Says where the records' facts are found.
    #[must_use]
    pub fn facts(mut self, facts: Arc<dyn Facts>) -> Self {
        self.facts = Some(facts);
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
    #[inline]
    pub fn record(&mut self, range: std::ops::Range<usize>, offset: usize) {
        let narrow = |value: usize| u32::try_from(value).ok();
        let span = (narrow(range.start), narrow(range.end), narrow(offset));
        if let (Some(start), Some(end), Some(offset)) = span
            && range.end <= self.buffer.len()
        {
            self.records.push(Span { start, end, offset });
        }
    }

    /// Adds a number that was read. The batch must cover one position for each: it ends at least as many behind its
    /// start as it has samples. One that is not finite says nothing and is left out.
    pub fn sample(&mut self, sample: Sample) {
        if let Ok(offset) = u32::try_from(self.samples.len())
            && sample.value.is_finite()
        {
            self.samples.push((offset, sample));
        }
    }

    /// How many records were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if neither a record nor a sample was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.samples.is_empty()
    }

    /// Finishes the batch, which ends at position `end` of the stream and is acknowledged through `ack`.
    #[must_use]
    pub fn build(self, end: u64, ack: Ack) -> LogBatch {
        let Self {
            source,
            buffer,
            records,
            samples,
            facts,
            base,
            first_line,
            received_at,
            home,
        } = self;
        LogBatch(Arc::new(Inner {
            source,
            buffer,
            records,
            samples,
            facts,
            whole: None,
            base,
            end,
            first_line,
            received_at,
            ack,
            home,
        }))
    }
}
