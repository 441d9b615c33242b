//! What goes into a turn and what comes out.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opspilot_core::signal::LogBatch;

use super::super::position::{Begun, Position};
use super::super::stream::Tally;

/// What the tailer was configured to do, beyond [`Reading`].
#[derive(Debug)]
pub(in crate::file_tail) struct Settings {
    /// The module's id, as batches carry it.
    pub(in crate::file_tail) module: Arc<str>,
    /// From which pattern on files are read from their beginning at the first start; those before from their end.
    pub(in crate::file_tail) first_from_beginning: usize,
    /// How long a rotated file is read on at least, and a missing one looked for.
    pub(in crate::file_tail) rotate_wait: Duration,
    /// How many times its size an archive may decompress to.
    pub(in crate::file_tail) archive_ratio: u64,
}

/// What happened since the last turn.
#[derive(Debug, Default)]
pub(in crate::file_tail) struct Wake {
    /// Files that were written.
    pub(in crate::file_tail) written: BTreeSet<PathBuf>,
    /// Files and folders that came, went or were renamed.
    pub(in crate::file_tail) moved: BTreeSet<PathBuf>,
    /// It is not known what happened: look at everything.
    pub(in crate::file_tail) everything: bool,
}

/// What a turn came to.
#[derive(Debug, Default)]
pub(in crate::file_tail) struct Turn {
    /// To be stored, together, before any of the batches is sent.
    pub(in crate::file_tail) news: News,
    /// To be sent in order.
    pub(in crate::file_tail) batches: Vec<LogBatch>,
    /// There is more to read at once.
    pub(in crate::file_tail) again: bool,
    /// A stream waits for acknowledgements.
    pub(in crate::file_tail) blocked: bool,
    /// When to take the next turn although nothing happened.
    pub(in crate::file_tail) wakes_at: Option<Instant>,
    /// Everything was looked at.
    pub(in crate::file_tail) scanned: bool,
    /// What to watch, if that may have changed.
    pub(in crate::file_tail) interest: Option<Interest>,
}

impl Turn {
    /// Adds what a turn right after this one came to.
    pub(in crate::file_tail) fn add(&mut self, later: Self) {
        self.news.positions.extend(later.news.positions);
        self.news.begun.extend(later.news.begun);
        self.news.forgotten.extend(later.news.forgotten);
        self.batches.extend(later.batches);
        self.again = later.again;
        self.blocked = later.blocked;
        self.wakes_at = later.wakes_at;
        self.interest = later.interest;
    }
}

/// Facts that must be stored before anything of their streams is sent.
#[derive(Debug, Default)]
pub(in crate::file_tail) struct News {
    /// Streams that began or moved to another file.
    pub(in crate::file_tail) positions: Vec<Position>,
    /// Patterns that were looked at for the first time.
    pub(in crate::file_tail) begun: Vec<Begun>,
    /// Streams that are not remembered any longer.
    pub(in crate::file_tail) forgotten: Vec<String>,
}

impl News {
    /// True if there is nothing to store.
    pub(in crate::file_tail) const fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.begun.is_empty() && self.forgotten.is_empty()
    }
}

/// What changes matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::file_tail) struct Interest {
    /// Folders to watch.
    pub(in crate::file_tail) folders: BTreeSet<PathBuf>,
    /// Files whose growth matters.
    pub(in crate::file_tail) files: BTreeSet<PathBuf>,
    /// Folders in which the growth of any file matters, because a rotated one is read there.
    pub(in crate::file_tail) rotated_in: BTreeSet<PathBuf>,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::file_tail) struct Totals {
    /// Records, bytes and cut lines.
    pub(in crate::file_tail) read: Tally,
    /// Files that were truncated.
    pub(in crate::file_tail) truncations: u64,
    /// Files that were renamed, removed or replaced.
    pub(in crate::file_tail) rotations: u64,
    /// Streams whose rest was never found.
    pub(in crate::file_tail) lost: u64,
}

/// What earlier runs stored.
#[derive(Debug, Default)]
pub(in crate::file_tail) struct Stored {
    /// Where the streams were.
    pub(in crate::file_tail) positions: Vec<Position>,
    /// Which patterns were looked at.
    pub(in crate::file_tail) begun: Vec<Begun>,
}
