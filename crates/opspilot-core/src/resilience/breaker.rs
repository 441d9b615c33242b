//! A circuit breaker.

use std::time::Duration;

use crate::clock::Timestamp;

/// Stops calling a peer that fails: after `threshold` failures in a row it opens, after `reset` it lets one trial
/// through, whose outcome closes or opens it again.
#[derive(Debug)]
pub struct CircuitBreaker {
    threshold: u32,
    reset: Duration,
    failures: u32,
    state: BreakerState,
}

/// What a circuit breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All pass.
    Closed,
    /// None passes until the time given.
    Open {
        /// When a trial may pass.
        until: Timestamp,
    },
    /// One trial is under way; no other passes until the time given.
    HalfOpen {
        /// When the trial counts as failed.
        until: Timestamp,
    },
}

impl CircuitBreaker {
    /// A closed breaker.
    #[must_use]
    pub const fn new(threshold: u32, reset: Duration) -> Self {
        Self {
            threshold,
            reset,
            failures: 0,
            state: BreakerState::Closed,
        }
    }

    /// Asks to call at `now`. After `Ok`, tell the outcome with [`CircuitBreaker::record`].
    ///
    /// # Errors
    /// When the breaker is open: the time at which to ask again.
    pub fn admit(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        match self.state {
            BreakerState::Closed => Ok(()),
            BreakerState::Open { until } | BreakerState::HalfOpen { until } if now < until => {
                Err(until)
            }
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => {
                self.state = BreakerState::HalfOpen {
                    until: now.plus(self.reset),
                };
                Ok(())
            }
        }
    }

    /// Tells how an admitted call ended.
    pub fn record(&mut self, now: Timestamp, succeeded: bool) {
        if succeeded {
            self.failures = 0;
            self.state = BreakerState::Closed;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let on_trial = matches!(self.state, BreakerState::HalfOpen { .. });
        if on_trial || self.failures >= self.threshold {
            self.state = BreakerState::Open {
                until: now.plus(self.reset),
            };
        }
    }

    /// What the breaker does now.
    #[must_use]
    pub const fn state(&self) -> BreakerState {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let mut breaker = CircuitBreaker::new(2, RESET);
        for succeeded in [false, true, false, true, false] {
            breaker.record(at(0), succeeded);
        }
        assert_eq!(breaker.admit(at(0)), Ok(()));
        breaker.record(at(0), false);
        assert_eq!(breaker.admit(at(1)), Err(at(30)));
    }

    #[test]
    fn one_trial_passes_and_decides() {
        let mut breaker = CircuitBreaker::new(1, RESET);
        breaker.record(at(0), false);
        assert_eq!(breaker.admit(at(30)), Ok(()));
        assert_eq!(breaker.admit(at(31)), Err(at(60)));
        breaker.record(at(32), false);
        assert_eq!(breaker.admit(at(33)), Err(at(62)));
        assert_eq!(breaker.admit(at(62)), Ok(()));
        breaker.record(at(63), true);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
