//! Exponential back-off with jitter.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How to space attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// The delay before the second attempt; each further delay doubles.
    pub first: Duration,
    /// The longest delay, before jitter adds up to as much again.
    pub longest: Duration,
    /// How many delays there are; `None` means no end.
    pub limit: Option<usize>,
}

/// The delays of one series of attempts.
#[derive(Debug)]
pub struct Backoff {
    policy: BackoffPolicy,
    delays: backon::ExponentialBackoff,
    attempts: u32,
}

impl BackoffPolicy {
    /// Without end, from `first` up to `longest`.
    #[must_use]
    pub const fn endless(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            limit: None,
        }
    }

    /// Starts a series of attempts.
    #[must_use]
    pub fn start(self) -> Backoff {
        Backoff {
            policy: self,
            delays: self.delays(),
            attempts: 0,
        }
    }

    fn delays(self) -> backon::ExponentialBackoff {
        let builder = ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_factor(2.0);
        let builder = match self.limit {
            Some(limit) => builder.with_max_times(limit),
            None => builder.without_max_times(),
        };
        builder.with_jitter().build()
    }
}

impl Backoff {
    /// The delay before the next attempt; `None` when there should be none.
    pub fn next_delay(&mut self) -> Option<Duration> {
        self.attempts = self.attempts.saturating_add(1);
        self.delays.next()
    }

    /// How many attempts failed so far.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.delays = self.policy.delays();
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_and_end_at_the_limit() {
        let second = Duration::from_secs(1);
        let mut backoff = BackoffPolicy {
            first: second,
            longest: 4 * second,
            limit: Some(5),
        }
        .start();
        let delays: Vec<_> = std::iter::from_fn(|| backoff.next_delay()).collect();
        assert_eq!(delays.len(), 5);
        for (delay, base) in delays.into_iter().zip([1, 2, 4, 4, 4]) {
            assert!(
                (base * second..=2 * base * second).contains(&delay),
                "{delay:?} for {base}"
            );
        }
        assert_eq!(backoff.attempts(), 6);
    }

    #[test]
    fn success_starts_over() {
        let mut backoff =
            BackoffPolicy::endless(Duration::from_secs(1), Duration::from_mins(1)).start();
        for _ in 0..10 {
            assert!(backoff.next_delay().is_some());
        }
        backoff.reset();
        assert!(backoff.next_delay().unwrap() <= Duration::from_secs(2));
    }
}
