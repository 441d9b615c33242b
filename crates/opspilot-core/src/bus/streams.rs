//! What came from each stream of the signal plane since the process started, for whoever shows the sources.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::signal::{LogBatch, LogSource};

/// How many streams are known; the one that was silent for longest makes room.
const STREAMS: usize = 2_000;

/// The rate is that of the newest whole minute, kept in parts.
const PARTS: usize = 6;
const PART_MS: i64 = 10_000;

/// What came from the streams; a batch costs one lookup, a record nothing.
#[derive(Default)]
pub(super) struct Streams(Mutex<Table>);

#[derive(Default)]
struct Table {
    streams: BTreeMap<Arc<str>, Seen>,
    forgotten: u64,
}

struct Seen {
    source: Arc<LogSource>,
    records: u64,
    bytes: u64,
    position: u64,
    first: Timestamp,
    last: Timestamp,
    /// Records by part of a minute: the number of the part since the epoch, and how many.
    parts: [(i64, u64); PARTS],
}

/// What came from one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamStatus {
    /// The identity of the stream.
    pub stream: String,
    /// The name people know it by, for example the file's path.
    pub name: String,
    /// The connector's module id.
    pub module: String,
    /// How far the stream was read; what the number means, the connector says.
    pub position: u64,
    /// Records since the process started.
    pub records: u64,
    /// Bytes of the batches that they came in.
    pub bytes: u64,
    /// Records in the last minute.
    pub records_last_minute: u64,
    /// When the first batch came.
    pub first_at: Timestamp,
    /// When the last batch came.
    pub last_at: Timestamp,
}

impl Streams {
    /// Notes a batch.
    pub(super) fn saw(&self, batch: &LogBatch) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = &batch.source().stream;
        if let Some(seen) = table.streams.get_mut(stream) {
            return seen.add(batch);
        }
        if table.streams.len() >= STREAMS {
            table.forget_one();
        }
        let mut seen = Seen::of(batch);
        seen.add(batch);
        table.streams.insert(Arc::clone(stream), seen);
    }

    /// All streams that are known, as they stand at `now`, and how many were forgotten.
    pub(super) fn list(&self, now: Timestamp) -> (Vec<StreamStatus>, u64) {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = table.streams.values().map(|seen| seen.status(now));
        (streams.collect(), table.forgotten)
    }
}

impl Table {
    fn forget_one(&mut self) {
        let silent = self.streams.iter().min_by_key(|(_, seen)| seen.last);
        if let Some(stream) = silent.map(|(stream, _)| Arc::clone(stream)) {
            self.streams.remove(&stream);
            self.forgotten += 1;
        }
    }
}

impl Seen {
    fn of(batch: &LogBatch) -> Self {
        Self {
            source: Arc::clone(batch.source()),
            records: 0,
            bytes: 0,
            position: 0,
            first: batch.received_at(),
            last: batch.received_at(),
            parts: [(0, 0); PARTS],
        }
    }

    fn add(&mut self, batch: &LogBatch) {
        let records = batch.len() as u64;
        self.records += records;
        self.bytes += batch.buffer().len() as u64;
        self.position = batch.end();
        self.last = self.last.max(batch.received_at());
        let part = part_of(batch.received_at());
        let place = usize::try_from(part.rem_euclid(PARTS as i64)).unwrap_or(0);
        if let Some(slot) = self.parts.get_mut(place) {
            let kept = if slot.0 == part { slot.1 } else { 0 };
            *slot = (part, kept + records);
        }
    }

    fn status(&self, now: Timestamp) -> StreamStatus {
        let newest = part_of(now);
        let is_recent = |part: i64| part > newest - PARTS as i64 && part <= newest;
        let recent = self.parts.iter().filter(|(part, _)| is_recent(*part));
        StreamStatus {
            stream: self.source.stream.to_string(),
            name: self.source.name.to_string(),
            module: self.source.module.to_string(),
            position: self.position,
            records: self.records,
            bytes: self.bytes,
            records_last_minute: recent.map(|(_, records)| records).sum(),
            first_at: self.first,
            last_at: self.last,
        }
    }
}

fn part_of(time: Timestamp) -> i64 {
    time.as_millis().div_euclid(PART_MS)
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Ack, LogBatchBuilder};

    fn batch(stream: &str, lines: usize, at: i64) -> LogBatch {
        let source = LogSource {
            module: "connector.test".into(),
            name: "/var/log/x".into(),
            stream: stream.into(),
            attributes: serde_json::Map::new(),
        };
        let buffer = b"x\n".repeat(lines);
        let end = buffer.len() as u64;
        let time = Timestamp::from_millis(at);
        let mut builder = LogBatchBuilder::new(Arc::new(source), buffer, (100, 1), time);
        for line in 0..lines {
            builder.record(2 * line..2 * line + 1, 2 * line);
        }
        builder.build(100 + end, Ack::ignored())
    }

    #[test]
    fn a_stream_shows_what_came_and_how_much_in_the_last_minute() {
        let streams = Streams::default();
        for (lines, at) in [(3, 1_000), (2, 30_000), (4, 59_000), (5, 61_000)] {
            streams.saw(&batch("s", lines, at));
        }
        let at = |ms| streams.list(Timestamp::from_millis(ms)).0.remove(0);
        let status = at(61_000);
        assert_eq!(
            (status.records, status.bytes, status.position),
            (14, 28, 110)
        );
        assert_eq!(status.first_at, Timestamp::from_millis(1_000));
        assert_eq!(status.last_at, Timestamp::from_millis(61_000));
        assert_eq!(&*status.name, "/var/log/x");
        // The batch of the first ten seconds is more than a minute old.
        assert_eq!(status.records_last_minute, 11);
        assert_eq!(at(95_000).records_last_minute, 9);
        assert_eq!(at(600_000).records_last_minute, 0);
        assert_eq!(at(600_000).records, 14);
    }

    #[test]
    fn the_most_silent_stream_makes_room() {
        let streams = Streams::default();
        for number in 0..STREAMS + 10 {
            let number = i64::try_from(number).unwrap();
            streams.saw(&batch(&number.to_string(), 1, number));
        }
        let (list, forgotten) = streams.list(Timestamp::from_millis(0));
        assert_eq!((list.len(), forgotten), (STREAMS, 10));
        assert!(!list.iter().any(|one| one.stream == "9"));
        assert!(list.iter().any(|one| one.stream == "10"));
    }
}
