//! What blocks: reading files, and noticing that they changed.

use super::stream::Moment;
use super::tailer::{Tailer, Turn, Wake};
use super::watch::Watch;

/// The part that blocks.
#[derive(Debug)]
pub(super) struct Eyes {
    /// Reads.
    pub(super) tailer: Tailer,
    /// Notices.
    pub(super) watch: Watch,
}

impl Eyes {
    /// Takes one turn of the tailer: at what was noticed, or at `everything`.
    pub(super) fn turn(&mut self, everything: bool, now: Moment) -> Turn {
        let mut wake = self.watch.take();
        wake.everything |= everything;
        let mut turn = self.tailer.turn(&wake, now);
        let interest = turn.interest.take();
        turn.scanned = interest.is_some();
        if let Some(interest) = interest
            && self.watch.follow(&interest)
        {
            // What happened before the watch began is found by looking once more.
            let rest = self.tailer.turn(
                &Wake {
                    everything: true,
                    ..Wake::default()
                },
                now,
            );
            turn.add(rest);
        }
        turn
    }
}
