//! A sliding-window limiter.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Timestamp;

/// Admits at most `limit` things in any span of `window`; 0 admits everything.
///
/// Memory is at most `limit` timestamps.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    limit: usize,
    window: Duration,
    admitted: VecDeque<Timestamp>,
}

/// The answer of a limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Admitted; so many more would be admitted now.
    Admitted {
        /// How many more.
        remaining: usize,
    },
    /// Refused until the time given.
    Refused {
        /// When the next one is admitted.
        until: Timestamp,
    },
}

impl SlidingWindow {
    /// A limiter that has admitted nothing yet.
    #[must_use]
    pub const fn new(limit: usize, window: Duration) -> Self {
        Self {
            limit,
            window,
            admitted: VecDeque::new(),
        }
    }

    /// Asks for one thing at `now`, and counts it when it is admitted. Times must not go back; one that does counts as
    /// the newest time seen.
    pub fn admit(&mut self, now: Timestamp) -> Decision {
        if self.limit == 0 {
            return Decision::Admitted {
                remaining: usize::MAX,
            };
        }
        let now = self.admitted.back().map_or(now, |newest| now.max(*newest));
        while self
            .admitted
            .front()
            .is_some_and(|oldest| oldest.plus(self.window) <= now)
        {
            self.admitted.pop_front();
        }
        if let Some(oldest) = self
            .admitted
            .front()
            .filter(|_| self.admitted.len() >= self.limit)
        {
            return Decision::Refused {
                until: oldest.plus(self.window),
            };
        }
        self.admitted.push_back(now);
        Decision::Admitted {
            remaining: self.limit - self.admitted.len(),
        }
    }

    /// When the oldest admitted thing stops to count; `None` while nothing counts.
    #[must_use]
    pub fn frees_at(&self) -> Option<Timestamp> {
        self.admitted.front().map(|oldest| oldest.plus(self.window))
    }

    /// True if nothing that was admitted still counts at `now`.
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.admitted
            .back()
            .is_none_or(|newest| newest.plus(self.window) <= now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn zero_means_no_limit() {
        let mut window = SlidingWindow::new(0, MINUTE);
        for _ in 0..1000 {
            assert!(matches!(
                window.admit(Timestamp::UNIX_EPOCH),
                Decision::Admitted { .. }
            ));
        }
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_limit(gaps in prop::collection::vec(0..20_000i64, 1..200), limit in 1..10usize) {
            let mut window = SlidingWindow::new(limit, MINUTE);
            let mut now = 0;
            let mut admitted: Vec<i64> = Vec::new();
            for gap in gaps {
                now += gap;
                let recent = admitted.iter().filter(|at| **at + 60_000 > now).count();
                let decision = window.admit(Timestamp::from_millis(now));
                let expected = if recent < limit {
                    admitted.push(now);
                    Decision::Admitted { remaining: limit - recent - 1 }
                } else {
                    Decision::Refused { until: Timestamp::from_millis(admitted[admitted.len() - limit] + 60_000) }
                };
                prop_assert_eq!(decision, expected);
            }
        }
    }
}
