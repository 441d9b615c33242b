//! Which position of a stream is safe to store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::ack::{Ack, AckSink, Outcome};

/// Follows the batches of one stream and tells how far everything before is stored.
///
/// Batches may settle in any order; the position moves only over a settled prefix. A failed batch stops it for good:
/// the stream must then be read again from [`PositionTracker::settled`].
#[derive(Debug, Clone)]
pub struct PositionTracker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    settled: u64,
    failed: bool,
    next_token: u64,
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    token: u64,
    end: u64,
    outcome: Option<Outcome>,
}

impl PositionTracker {
    /// A tracker of a stream whose position so far is `start`. It notifies `changed` when the position moves or a
    /// batch fails; several trackers may share one.
    #[must_use]
    pub fn new(start: u64, changed: Arc<Notify>) -> Self {
        let state = State {
            settled: start,
            failed: false,
            next_token: 0,
            open: VecDeque::new(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed,
        }))
    }

    /// Registers a batch that ends at position `end`, and makes its acknowledgement.
    #[must_use]
    pub fn begin(&self, end: u64) -> Ack {
        let mut state = self.0.lock();
        let token = state.next_token;
        state.next_token += 1;
        state.open.push_back(Open {
            token,
            end,
            outcome: None,
        });
        drop(state);
        Ack::new(Arc::clone(&self.0) as Arc<dyn AckSink>, token)
    }

    /// The position before which everything is stored.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.0.lock().settled
    }

    /// How many batches are not settled.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.lock().open.len()
    }

    /// True if a batch failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.lock().failed
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AckSink for Shared {
    fn settled(&self, token: u64, outcome: Outcome) {
        let mut state = self.lock();
        if let Some(open) = state.open.iter_mut().find(|open| open.token == token) {
            open.outcome = Some(outcome);
        }
        state.advance();
        drop(state);
        self.changed.notify_one();
    }
}

impl State {
    fn advance(&mut self) {
        while let Some(Open {
            end,
            outcome: Some(outcome),
            ..
        }) = self.open.front()
        {
            if *outcome == Outcome::Failed {
                self.failed = true;
                return;
            }
            self.settled = *end;
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tracker() -> PositionTracker {
        PositionTracker::new(0, Arc::default())
    }

    #[test]
    fn position_waits_for_the_oldest_batch() {
        let tracker = tracker();
        let (first, second) = (tracker.begin(10), tracker.begin(20));
        drop(second);
        assert_eq!(tracker.settled(), 0);
        drop(first);
        assert_eq!((tracker.settled(), tracker.in_flight()), (20, 0));
    }

    #[test]
    fn a_failed_batch_stops_the_position() {
        let tracker = tracker();
        let (first, second) = (tracker.begin(10), tracker.begin(20));
        first.fail();
        drop((first, second));
        assert_eq!((tracker.settled(), tracker.has_failed()), (0, true));
    }

    proptest! {
        #[test]
        fn position_is_the_end_of_the_settled_prefix(order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle()) {
            let tracker = tracker();
            let mut acks: Vec<_> = (1..=20).map(|end| Some(tracker.begin(end))).collect();
            for index in order {
                acks[index] = None;
                let prefix = acks.iter().take_while(|ack| ack.is_none()).count();
                prop_assert_eq!(tracker.settled(), prefix as u64);
            }
        }
    }
}
