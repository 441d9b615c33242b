//! Which publications are stored.
//!
//! A snapshot of a detector says that incidents were created. It may be stored only when they are, or a crash in between
//! would lose them.

use std::sync::Arc;

use opspilot_core::signal::{Ack, AckSink, Outcome, PositionTracker};
use tokio::sync::Notify;

/// Follows publications until they are stored.
#[derive(Debug)]
pub(super) struct Settling {
    tracker: PositionTracker,
    changed: Arc<Notify>,
    submitted: u64,
}

/// Settles two acknowledgements as one.
#[derive(Debug)]
struct Both(Ack, Ack);

impl AckSink for Both {
    fn settled(&self, _token: u64, outcome: Outcome) {
        if outcome == Outcome::Failed {
            self.0.fail();
            self.1.fail();
        }
        // Both settle when this sink is dropped, right after this call.
    }
}

impl Settling {
    pub(super) fn new() -> Self {
        let changed = Arc::<Notify>::default();
        Self {
            tracker: PositionTracker::new(0, Arc::clone(&changed)),
            changed,
            submitted: 0,
        }
    }

    /// Stands for `ack` in the next publication.
    pub(super) fn follow(&mut self, ack: Ack) -> Ack {
        self.submitted += 1;
        Ack::new(
            Arc::new(Both(self.tracker.begin(self.submitted), ack)),
            self.submitted,
        )
    }

    /// The number of the newest publication.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// True once all publications up to number `newest` are stored.
    pub(super) fn is_stored(&self, newest: u64) -> bool {
        self.tracker.settled() >= newest
    }

    /// True if one was not stored, once for each time this happens. Its lines will be read again.
    pub(super) fn take_failure(&mut self) -> bool {
        if !self.tracker.has_failed() {
            return false;
        }
        self.tracker = PositionTracker::new(self.submitted, Arc::clone(&self.changed));
        true
    }

    /// Waits until something settles.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) fn changed(&self) -> impl Future<Output = ()> + use<> {
        let changed = Arc::clone(&self.changed);
        async move { changed.notified().await }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_acknowledgements_settle_together() {
        let source = PositionTracker::new(0, Arc::default());
        let mut settling = Settling::new();
        let (first, second) = (
            settling.follow(source.begin(10)),
            settling.follow(source.begin(20)),
        );
        drop(second);
        assert!(!settling.is_stored(1) && source.settled() == 0);
        drop(first);
        assert!(settling.is_stored(2) && source.settled() == 20);
    }

    #[test]
    fn a_failure_is_passed_on_and_told_once() {
        let source = PositionTracker::new(0, Arc::default());
        let mut settling = Settling::new();
        settling.follow(source.begin(10)).fail();
        assert!(source.has_failed() && settling.take_failure() && !settling.take_failure());
        drop(settling.follow(Ack::ignored()));
        assert!(settling.is_stored(2));
    }
}
