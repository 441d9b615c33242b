//! From the bytes that were read to a batch of records.

use std::ops::Range;
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::LogBatchBuilder;

use super::super::fingerprint::{TAIL, Tail};
use super::super::position::Mark;
use super::super::splitter::{Split, Until};
use super::latin1::utf8_of_latin1;
use super::{Moment, Reading, Seen, Step, Stream, Tally};

impl Stream {
    pub(super) fn deliver(
        &mut self,
        buffer: Vec<u8>,
        until: Until,
        reading: &Reading,
        now: Moment,
    ) -> Step {
        let mut ranges = Vec::with_capacity(buffer.len() / 128);
        let split = self.split(&buffer, until, reading, &mut ranges);
        let (consumed, held) = buffer.split_at(split.consumed);
        self.seen.whole_lines = held.ends_with(b"\n");
        if consumed.is_empty() {
            return Step::Idle;
        }
        let before = self.at;
        let lines = ranges.len() as u64;
        self.at = Mark {
            offset: before.offset + consumed.len() as u64,
            line: before.line + lines,
            skipping: split.skipping,
            tail: before.tail.then(consumed),
        };
        let tally = Tally {
            bytes: consumed.len() as u64,
            lines,
            cut: split.cut,
        };
        let ack = self.tracker.begin(self.at.offset);
        self.sent.push_back(self.at);
        if lines == 0 {
            drop(ack);
            return Step::Moved(tally);
        }
        let records = Records {
            ranges,
            length: split.consumed,
            before,
        };
        Step::Batch(
            self.builder(buffer, &records, reading, now.wall)
                .build(self.at.offset, ack),
            tally,
        )
    }

    fn split(
        &self,
        buffer: &[u8],
        until: Until,
        reading: &Reading,
        ranges: &mut Vec<Range<usize>>,
    ) -> Split {
        let splitter = &reading.splitter;
        let split = splitter.split(buffer, self.at.skipping, until, |range| ranges.push(range));
        let is_full = buffer.len() >= reading.limit();
        if split.consumed > 0 || !is_full {
            return split;
        }
        splitter.split(buffer, self.at.skipping, Until::Full, |range| {
            ranges.push(range);
        })
    }

    fn builder(
        &self,
        mut buffer: Vec<u8>,
        records: &Records,
        reading: &Reading,
        wall: Timestamp,
    ) -> LogBatchBuilder {
        let ranges = &records.ranges;
        let origin = (records.before.offset, records.before.line + 1);
        // What is behind the last record is read again.
        buffer.truncate(records.length);
        let text = if reading.latin1 {
            utf8_of_latin1(&buffer, ranges, &reading.pool)
        } else {
            (buffer, Vec::new())
        };
        let (buffer, moved) = text;
        let mut builder = LogBatchBuilder::new(Arc::clone(&self.source), buffer, origin, wall)
            .pooled(&reading.pool);
        builder.reserve(ranges.len());
        let occupied = if reading.latin1 { &moved } else { ranges };
        for (occupied, range) in occupied.iter().zip(ranges) {
            builder.record(occupied.clone(), range.start);
        }
        builder
    }

    /// Passes the zero bytes that a writer without append mode leaves before its next line when its file is truncated.
    pub(super) fn skip_hole(&mut self, buffer: &[u8]) -> Step {
        let zeros = buffer.iter().position(|&byte| byte != 0);
        let mut tally = Tally::default();
        let end = match (zeros, &self.content) {
            (None, Some(content)) => content.next_data(self.at.offset + buffer.len() as u64),
            (zeros, _) => self.at.offset + zeros.unwrap_or(buffer.len()) as u64,
        };
        tally.bytes = end - self.at.offset;
        let before = Tail::default().then(&[0; TAIL]);
        let zeros_before = usize::try_from(tally.bytes.min(TAIL as u64)).unwrap_or(0);
        let tail = self
            .at
            .tail
            .then(before.as_bytes().get(..zeros_before).unwrap_or_default());
        self.at = Mark {
            offset: end,
            tail,
            ..self.at
        };
        self.seen = Seen {
            end,
            tail,
            ..self.seen
        };
        self.sent.push_back(self.at);
        drop(self.tracker.begin(end));
        Step::Moved(tally)
    }
}

/// The records found in a buffer.
struct Records {
    ranges: Vec<Range<usize>>,
    /// How much of the buffer they and their line ends take.
    length: usize,
    /// Where the buffer starts.
    before: Mark,
}
