//! When a group of events waits for more.

use std::time::Duration;

use tokio::time::Instant;

/// A storage that is quicker than this gains nothing from larger groups.
const QUICK: Duration = Duration::from_micros(500);

/// How many times as long as the storage worked on the last group the next one gathers.
const SHARE: u32 = 4;

/// The longest that a group waits.
const PATIENCE: Duration = Duration::from_millis(5);

/// How the storage keeps up.
///
/// A transaction costs about the same with ten events as with one. Where they follow each other closely, waiting a little
/// makes one of many. Where they are rare nothing waits, nor where each comes from somebody who waited for the one before.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<Last>);

/// The last transaction.
#[derive(Debug)]
struct Last {
    submissions: usize,
    took: Duration,
    ended: Instant,
}

impl Pace {
    /// Takes down a transaction of so many submissions.
    pub(super) fn committed(&mut self, submissions: usize, started: Instant, ended: Instant) {
        self.0 = Some(Last {
            submissions,
            took: ended.saturating_duration_since(started),
            ended,
        });
    }

    /// How long the group that begins `now` should wait for more events, if at all.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let Last {
            submissions,
            took,
            ended,
        } = self.0.as_ref()?;
        let is_busy = now.saturating_duration_since(*ended) < *took;
        let gains = *submissions > 1 && *took >= QUICK;
        (is_busy && gains).then(|| took.saturating_mul(SHARE).min(PATIENCE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(1);

    fn after(submissions: usize, took: Duration) -> (Pace, Instant) {
        let (mut pace, started) = (Pace::default(), Instant::now());
        pace.committed(submissions, started, started + took);
        (pace, started + took)
    }

    #[test]
    fn a_busy_storage_is_given_a_moment_and_an_idle_one_none() {
        assert_eq!(Pace::default().pause(Instant::now()), None);
        let (pace, ended) = after(2, STEP);
        assert_eq!(pace.pause(ended + STEP / 2), Some(STEP * SHARE));
        assert_eq!(pace.pause(ended + STEP), None);
    }

    #[test]
    fn nothing_waits_for_a_quick_storage_nor_long_for_a_slow_one() {
        let (pace, ended) = after(2, QUICK / 2);
        assert_eq!(pace.pause(ended), None);
        let (pace, ended) = after(2, PATIENCE * 10);
        assert_eq!(pace.pause(ended), Some(PATIENCE));
    }

    #[test]
    fn whoever_waits_for_each_event_does_not_wait_for_company_too() {
        let (pace, ended) = after(1, STEP);
        assert_eq!(pace.pause(ended), None);
    }
}
