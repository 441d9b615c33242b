//! One stream: the content of one file, read record by record wherever the file went.

mod beginning;
mod delivering;
pub(super) mod latin1;
mod reading;
mod saving;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opspilot_core::signal::{LogBatch, LogSource, PositionTracker};

pub(super) use self::beginning::Start;
use self::reading::expected;
pub(super) use self::reading::{Moment, Reading};
use super::content::{Content, Facts, FileId};
use super::fingerprint::{Print, Tail};
use super::position::{Mark, Position};
use super::splitter::Until;

/// How many bytes one read asks for.
pub(super) const CHUNK: usize = 256 << 10;

/// How many bytes of a stream may be on their way before it waits for acknowledgements: enough to be looked at while a
/// disk stores what was found before. Their buffers are free by then; what was found in them is bounded by the bus.
const IN_FLIGHT: u64 = 32 * CHUNK as u64;

/// How many batches of a stream may be on their way.
const BATCHES_IN_FLIGHT: usize = 256;

/// How long a stream rests after something derived from it could not be stored.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What a stream's file is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is found under the stream's name.
    Current,
    /// Its name was taken from it. It is read while its writer may still write to it, at least until then.
    Rotated {
        /// The earliest end.
        until: Instant,
    },
    /// A copy or a compressed file: it is read to its end once.
    Fixed,
    /// Nobody knows where it is.
    Lost {
        /// When to stop looking for it; not known before its absence was confirmed.
        until: Option<Instant>,
    },
    /// Nothing more is expected of it.
    Done,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// Identity and name, as batches carry them.
    pub(super) source: Arc<LogSource>,
    /// Where its content was found.
    pub(super) place: PathBuf,
    /// Which file that is.
    pub(super) file: FileId,
    /// When the file was last written, by the file system's clock.
    pub(super) modified: i64,
    /// The open content, unless it was closed to save descriptors.
    pub(super) content: Option<Content>,
    /// What the file is at present.
    pub(super) role: Role,
    /// Its end was reached since it was last told apart from [`Role::Current`].
    pub(super) drained: bool,
    /// No read before this moment.
    pub(super) resting_until: Option<Instant>,
    head: Print,
    at: Mark,
    seen: Seen,
    sent: VecDeque<Mark>,
    settled: Mark,
    tracker: PositionTracker,
    stored: Option<Position>,
    opened: bool,
}

/// The end of what was read, including an unfinished line.
#[derive(Debug, Clone, Copy)]
struct Seen {
    end: u64,
    tail: Tail,
    since: Instant,
    /// What is held back is whole lines that others may join.
    whole_lines: bool,
}

/// What a read came to.
#[derive(Debug)]
pub(super) enum Step {
    /// Records; there may be more.
    Batch(LogBatch, Tally),
    /// No record, but the position moved; there may be more.
    Moved(Tally),
    /// The end was reached.
    Idle,
    /// Too much is on its way.
    Blocked,
    /// The file is no longer what it was.
    Replaced,
}

/// What was read in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// Records.
    pub(super) lines: u64,
    /// Lines that were cut.
    pub(super) cut: u64,
}

impl Stream {
    /// The name people know the log by.
    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    /// How many bytes were read and are neither delivered nor given up.
    pub(super) const fn unread(&self) -> u64 {
        self.seen.end.saturating_sub(self.at.offset)
    }

    /// How long the content is, as far as it is known.
    pub(super) fn length(&self) -> u64 {
        let size = self
            .content
            .as_ref()
            .filter(|content| !content.is_archive())
            .map(Content::facts);
        let size = size.and_then(io::Result::ok).map_or(0, |facts| facts.size);
        size.max(self.at.offset)
    }

    /// True if the file was written since it was looked at.
    pub(super) const fn differs_from(&self, facts: &Facts) -> bool {
        facts.modified != self.modified || facts.size != self.seen.end
    }

    /// Notes that the name leads elsewhere now. The file is read on at least `until` then, if it is open; otherwise it
    /// is looked for.
    pub(super) const fn lose_name(&mut self, until: Instant) {
        let is_open = self.content.is_some();
        self.role = if is_open {
            Role::Rotated { until }
        } else {
            Role::Lost { until: Some(until) }
        };
        self.drained = false;
    }

    /// True if the open file no longer has what was read from it.
    pub(super) fn is_replaced(&mut self) -> bool {
        let seen = self.seen;
        self.content
            .as_mut()
            .is_some_and(|content| !content.still_has(&seen.tail, seen.end).unwrap_or(true))
    }

    /// The offset up to which records were sent.
    pub(super) const fn offset(&self) -> u64 {
        self.at.offset
    }

    /// True if its content was read by this run.
    pub(super) const fn was_opened(&self) -> bool {
        self.opened
    }

    /// When the end of what was read moved last.
    pub(super) const fn grew_at(&self) -> Instant {
        self.seen.since
    }

    /// True if something derived from it could not be stored.
    pub(super) fn has_failed(&self) -> bool {
        self.tracker.has_failed()
    }

    /// True if batches are on their way.
    pub(super) fn is_waiting(&self) -> bool {
        self.tracker.in_flight() > 0
    }

    /// When to read again although nothing happened: to deliver what is held back, or after a rest.
    pub(super) fn wakes_at(&self, reading: &Reading) -> Option<Instant> {
        let held = (self.unread() > 0 && self.content.is_some())
            .then(|| self.seen.since + self.patience(reading));
        self.resting_until.or(held)
    }

    const fn patience(&self, reading: &Reading) -> Duration {
        if self.seen.whole_lines {
            reading.group_patience
        } else {
            reading.line_patience
        }
    }

    /// Reads the next records.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn step(&mut self, reading: &Reading, now: Moment) -> io::Result<Step> {
        if self.tracker.has_failed() {
            self.rewind(reading, now.monotonic);
        }
        if self
            .resting_until
            .is_some_and(|until| now.monotonic < until)
        {
            return Ok(Step::Idle);
        }
        self.resting_until = None;
        if self.is_saturated() {
            return Ok(Step::Blocked);
        }
        let limit = reading.limit();
        let Some(content) = &mut self.content else {
            return Ok(Step::Idle);
        };
        let mut buffer = reading.pool.take(0);
        buffer.reserve(expected(content, self.at.offset, limit));
        let read = content.read_at(&mut buffer, limit, self.at.offset)?;
        // The file is checked after the read: if it is still the same now, what was read came from it.
        if !content.still_has(&self.seen.tail, self.seen.end)? {
            return Ok(Step::Replaced);
        }
        if !self.knows_start(&buffer) {
            return Ok(Step::Replaced);
        }
        let ended = read < limit;
        if self.at.line == 0 && buffer.first() == Some(&0) {
            return Ok(self.skip_hole(&buffer));
        }
        let until = self.until(&buffer, ended, reading, now.monotonic);
        Ok(self.deliver(buffer, until, reading, now))
    }

    /// How the bytes just read end, and a note of how far they go.
    fn until(&mut self, buffer: &[u8], ended: bool, reading: &Reading, now: Instant) -> Until {
        let end = self.at.offset + buffer.len() as u64;
        if end != self.seen.end {
            self.seen = Seen {
                end,
                tail: self.at.tail.then(buffer),
                since: now,
                whole_lines: false,
            };
        }
        let nothing_follows = self.role == Role::Fixed && ended;
        let patience_ended =
            now.saturating_duration_since(self.seen.since) >= self.patience(reading);
        if ended && !buffer.is_empty() && (nothing_follows || patience_ended) {
            Until::End
        } else {
            Until::Newline
        }
    }

    /// Too much is on its way.
    pub(super) fn is_saturated(&self) -> bool {
        self.tracker.in_flight() >= BATCHES_IN_FLIGHT
            || self.at.offset.saturating_sub(self.tracker.settled()) > IN_FLIGHT
                && self.tracker.in_flight() > 0
    }
}
