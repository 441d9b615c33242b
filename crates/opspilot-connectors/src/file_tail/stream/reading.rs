//! What every stream is read with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::BufferPool;
use tokio::sync::Notify;

use super::super::content::Content;
use super::super::splitter::Splitter;
use super::CHUNK;

/// What a stream needs to read, the same for all of them.
#[derive(Debug)]
pub(in super::super) struct Reading {
    /// Splits what was read.
    pub(in super::super) splitter: Splitter,
    /// The content is ISO 8859-1 and is passed on as UTF-8.
    pub(in super::super) latin1: bool,
    /// How long an unfinished line stays before it is delivered as it is.
    pub(in super::super) line_patience: Duration,
    /// How long an unfinished group of lines stays.
    pub(in super::super) group_patience: Duration,
    /// Where buffers come from.
    pub(in super::super) pool: BufferPool,
    /// Told when a batch is settled.
    pub(in super::super) settled: Arc<Notify>,
}

impl Reading {
    /// How many bytes are read at once, and how long a record of several lines may be.
    pub(super) fn limit(&self) -> usize {
        CHUNK.max(self.splitter.longest())
    }
}

/// A point in time: `monotonic` for waiting, `wall` for what is shown.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Moment {
    /// For waiting.
    pub(in super::super) monotonic: Instant,
    /// For what is shown.
    pub(in super::super) wall: Timestamp,
}

/// How many bytes to make room for.
pub(super) fn expected(content: &Content, offset: u64, limit: usize) -> usize {
    let size = content.facts().map_or(u64::MAX, |facts| facts.size);
    let rest = if content.is_archive() {
        limit as u64
    } else {
        size.saturating_sub(offset)
    };
    usize::try_from(rest)
        .unwrap_or(limit)
        .saturating_add(1)
        .min(limit)
}
