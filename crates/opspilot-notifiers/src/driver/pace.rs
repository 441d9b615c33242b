//! How fast notices may follow each other.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::Envelope;
use opspilot_core::resilience::{Decision, SlidingWindow};

/// At most so many notices in any minute.
#[derive(Debug)]
pub(super) struct Pace {
    window: SlidingWindow,
    /// Events up to this place of the journal have their slot, also when they are tried again.
    admitted: u64,
}

/// What may happen now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// So many of the first may be delivered; at least one.
    Go(usize),
    /// None may, before then.
    Wait(Timestamp),
}

impl Pace {
    pub(super) const fn new(per_minute: usize) -> Self {
        Self {
            window: SlidingWindow::new(per_minute, Duration::from_mins(1)),
            admitted: 0,
        }
    }

    /// Takes a slot for each of `events`, in order, as far as there are any.
    pub(super) fn turn<'a>(
        &mut self,
        events: impl Iterator<Item = &'a Arc<Envelope>>,
        now: Timestamp,
    ) -> Turn {
        let mut count = 0;
        for event in events {
            if event.seq > self.admitted {
                match self.window.admit(now) {
                    Decision::Admitted { .. } => self.admitted = event.seq,
                    Decision::Refused { until } if count == 0 => return Turn::Wait(until),
                    Decision::Refused { .. } => break,
                }
            }
            count += 1;
        }
        Turn::Go(count)
    }

    /// Takes one slot; false if there is none.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        matches!(self.window.admit(now), Decision::Admitted { .. })
    }

    /// Gives the slot that was taken to the event at `seq`.
    pub(super) fn admitted(&mut self, seq: u64) {
        self.admitted = seq;
    }
}
