//! From frames to batches.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Ack, BufferPool, LogBatch, LogBatchBuilder, LogSource};

use super::facts::SyslogFacts;
use super::framing::Frame;
use super::header::{Grammar, Kind, scan};
use super::positions::Place;

/// How much is read at once, and how long a batch's buffer is at most.
pub(super) const CHUNK: usize = 256 << 10;

/// The messages found in one buffer.
#[derive(Debug)]
pub(super) struct Messages {
    grammar: Grammar,
    records: Vec<Record>,
    cut: Vec<u32>,
    peers: Vec<(u32, SocketAddr)>,
    /// How many have no header that can be read.
    pub(super) unparsed: u64,
}

/// A message: where it begins with its header, and where its text is.
#[derive(Debug)]
struct Record {
    start: usize,
    text: Range<usize>,
}

impl Messages {
    /// None yet, with room for those of `bytes` bytes.
    pub(super) fn with_room_for(bytes: usize, grammar: Grammar) -> Self {
        Self {
            grammar,
            records: Vec::with_capacity(bytes / 128 + 1),
            cut: Vec::new(),
            peers: Vec::new(),
            unparsed: 0,
        }
    }

    /// Adds the message in `frame` of `buffer`.
    pub(super) fn push(&mut self, buffer: &[u8], frame: Frame) {
        let Frame { range, is_cut } = frame;
        let header = scan(buffer.get(range.clone()).unwrap_or_default(), self.grammar);
        self.unparsed += u64::from(header.kind == Kind::Bare);
        if is_cut {
            self.cut.push(self.next_index());
        }
        let text = range.start + header.message..range.end;
        let start = range.start;
        self.records.push(Record { start, text });
    }

    /// Notes who sends the messages from here on.
    pub(super) fn from(&mut self, peer: SocketAddr) {
        if self.peers.last().is_none_or(|(_, last)| *last != peer) {
            self.peers.push((self.next_index(), peer));
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many are not whole.
    pub(super) fn cut(&self) -> u64 {
        self.cut.len() as u64
    }

    fn next_index(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    /// Makes a batch of them and moves `place` behind it.
    pub(super) fn into_batch(
        self,
        (source, place): (&Arc<LogSource>, &mut Place),
        (buffer, pool): (Vec<u8>, &BufferPool),
        (received_at, ack): (Timestamp, Ack),
    ) -> LogBatch {
        let base = place.position;
        let length = buffer.len();
        let origin = (base, place.messages + 1);
        let mut builder =
            LogBatchBuilder::new(Arc::clone(source), buffer, origin, received_at).pooled(pool);
        builder.reserve(self.records.len());
        for record in &self.records {
            builder.record(record.text.clone(), record.start);
        }
        place.position += length as u64;
        place.messages += self.records.len() as u64;
        let facts = SyslogFacts {
            grammar: self.grammar,
            base,
            cut: self.cut,
            peers: self.peers,
        };
        builder.facts(Arc::new(facts)).build(place.position, ack)
    }
}
