//! Two entries of which one is wrong: the next line shows which, for it continues the right one.

use super::fault::{Cause, Fault};
use super::line::Seen;
use crate::safety::action::Digest;

#[derive(Debug, Clone)]
pub(super) struct Suspicion {
    earlier: Fault,
    later: Fault,
    /// The hash of the later entry.
    hash: Digest,
}

impl Suspicion {
    /// An entry that does not continue the one before it.
    pub(super) fn rehashed(earlier: Seen, later: Seen, since: u64) -> Self {
        let fault = |seen: Seen| Fault {
            entry: seen.seq,
            line: seen.line,
            cause: Cause::Rehashed { since },
        };
        Self {
            earlier: fault(earlier),
            later: fault(later),
            hash: later.hash,
        }
    }

    /// Two entries with the same number, which continue the same one.
    pub(super) fn twins(earlier: Seen, later: Seen) -> Self {
        let fault = |seen: Seen| Fault {
            entry: seen.seq,
            line: seen.line,
            cause: Cause::Inserted { found: seen.seq },
        };
        Self {
            earlier: fault(earlier),
            later: fault(later),
            hash: later.hash,
        }
    }

    /// Which of the two is wrong, if the next line continues or signs the entry with the hash `continued`.
    pub(super) fn settled_by(self, continued: &Digest) -> Fault {
        if *continued == self.hash {
            self.earlier
        } else {
            self.later
        }
    }

    /// The earlier one, where nothing shows which of the two is wrong.
    pub(super) fn earlier(self) -> Fault {
        self.earlier
    }
}
