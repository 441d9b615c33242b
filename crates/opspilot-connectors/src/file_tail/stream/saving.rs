//! What of a stream is stored, and how it resumes.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use opspilot_core::signal::PositionTracker;

use super::super::content::Content;
use super::super::fingerprint::{HEAD, Print, TAIL, Tail};
use super::super::position::{Mark, Position};
use super::{REST_AFTER_FAILURE, Reading, Role, Seen, Stream};

impl Stream {
    /// Goes back to what is stored, because something derived from a batch was not.
    pub(super) fn rewind(&mut self, reading: &Reading, now: Instant) {
        self.settle();
        self.at = self.settled;
        self.seen = Seen {
            end: self.at.offset,
            tail: self.at.tail,
            since: now,
            whole_lines: false,
        };
        self.sent.clear();
        self.tracker = PositionTracker::new(self.at.offset, Arc::clone(&reading.settled));
        self.resting_until = Some(now + REST_AFTER_FAILURE);
        if self.content.as_ref().is_some_and(Content::is_archive) {
            // An archive cannot be read backwards: it is opened again.
            self.content = None;
            self.role = Role::Lost { until: None };
        }
    }

    /// Takes over what the tracker knows.
    pub(super) fn settle(&mut self) {
        let settled = self.tracker.settled();
        while let Some(mark) = self.sent.front().filter(|mark| mark.offset <= settled) {
            self.settled = *mark;
            self.sent.pop_front();
        }
    }

    /// The position to store, if it differs from the stored one.
    pub(in crate::file_tail) fn unstored(&mut self, touched: u64) -> Option<Position> {
        self.settle();
        let is_done = self.role == Role::Done && !self.is_waiting();
        let position = self.position(self.settled, is_done, touched);
        let stored = self.stored.as_ref();
        let is_new = stored.is_none_or(|stored| {
            Position {
                touched,
                modified: position.modified,
                ..stored.clone()
            } != position
        });
        is_new.then_some(position)
    }

    /// How many bytes lie between what is stored and what could be.
    pub(in crate::file_tail) fn unstored_bytes(&self) -> u64 {
        self.tracker
            .settled()
            .saturating_sub(self.stored.as_ref().map_or(0, |stored| stored.offset))
    }

    /// Notes that `position` is stored.
    pub(in crate::file_tail) fn set_stored(&mut self, position: Position) {
        self.stored = Some(position);
    }

    /// True if the stream was never stored: nothing of it may be sent yet.
    pub(in crate::file_tail) const fn is_unknown(&self) -> bool {
        self.stored.is_none()
    }

    /// True if records of it may have been sent, in this run or before.
    pub(in crate::file_tail) fn may_be_sent(&self) -> bool {
        self.at.offset > 0 || self.stored.as_ref().is_some_and(|stored| stored.sent)
    }

    /// True if it is stored as never sent, or with a shorter fingerprint than it has by now.
    pub(in crate::file_tail) fn is_stored_vaguely(&self) -> bool {
        let is_vague = |stored: &Position| !stored.sent || stored.head.len() < self.head.len();
        self.stored.as_ref().is_some_and(is_vague)
    }

    /// True if no other content can be taken for the stream's: its fingerprint is as long as it will be.
    pub(in crate::file_tail) const fn is_known_well(&self) -> bool {
        self.head.len() >= HEAD
    }

    /// Takes the first bytes into the fingerprint, of which `buffer` was just read at the position; false if they are
    /// not those of this stream.
    ///
    /// Invariant: when records are sent, the fingerprint covers the content up to their end, or its first [`HEAD`] bytes.
    pub(super) fn knows_start(&mut self, buffer: &[u8]) -> bool {
        if self.at.offset == 0 {
            let is_ours = self.head.starts(buffer);
            if is_ours && self.head.len() < HEAD {
                self.head = Print::of(buffer.get(..HEAD).unwrap_or(buffer));
            }
            return is_ours;
        }
        self.learn_head();
        true
    }

    /// The position behind everything sent, to look for the rest of the content.
    pub(in crate::file_tail) fn reading_position(&self) -> Position {
        self.position(self.at, false, 0)
    }

    pub(super) fn position(&self, mark: Mark, finished: bool, touched: u64) -> Position {
        // Of a stream that was stored by an earlier run, only the print of the bytes is known.
        let stored = self
            .stored
            .as_ref()
            .filter(|stored| stored.offset == mark.offset);
        let tail = stored.map_or_else(|| mark.tail.print(), |stored| stored.tail);
        Position {
            format: Position::FORMAT,
            stream: self.source.stream.to_string(),
            name: self.source.name.to_string(),
            place: self.place.display().to_string(),
            device: self.file.device,
            inode: self.file.inode,
            modified: self.modified,
            head: self.head,
            offset: mark.offset,
            tail,
            line: mark.line,
            skipping: mark.skipping,
            sent: self.may_be_sent(),
            finished,
            touched,
        }
    }

    /// Takes a longer first part of the file into the fingerprint, while the file is short.
    pub(in crate::file_tail) fn learn_head(&mut self) {
        if self.head.len() < HEAD
            && let Some(content @ Content::Plain(_)) = &mut self.content
            && let Ok(head) = content.head()
            && self.head.starts(&head)
        {
            self.head = Print::of(&head);
        }
    }

    /// The print of the first bytes.
    pub(in crate::file_tail) const fn head(&self) -> &Print {
        &self.head
    }

    /// Reads on in `content`, which was found to continue the stream.
    ///
    /// # Errors
    /// When the bytes before the position cannot be read.
    pub(in crate::file_tail) fn resume_with(
        &mut self,
        content: Content,
        now: Instant,
    ) -> io::Result<()> {
        self.content = Some(content);
        self.opened = true;
        self.drained = false;
        self.load_tail()?;
        self.seen = Seen {
            end: self.at.offset,
            tail: self.at.tail,
            since: now,
            whole_lines: false,
        };
        Ok(())
    }

    /// Loads the bytes before the position, which the stored form has only a print of.
    pub(super) fn load_tail(&mut self) -> io::Result<()> {
        let length = usize::try_from(self.at.offset).map_or(TAIL, |offset| offset.min(TAIL));
        let Some(content) = &mut self.content else {
            return Ok(());
        };
        if self.at.tail.len() >= length {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(TAIL);
        content.read_at(&mut bytes, length, self.at.offset - length as u64)?;
        self.at.tail = Tail::default().then(&bytes);
        if self.settled.offset == self.at.offset {
            self.settled.tail = self.at.tail;
        }
        Ok(())
    }
}
