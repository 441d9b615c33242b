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
/// makes one of many; where they are rare, nothing waits.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<Last>);

/// The last transaction.
#[derive(Debug)]
struct Last {
    took: Duration,
    ended: Instant,
}

impl Pace {
    /// Takes down a transaction.
    pub(super) fn committed(&mut self, started: Instant, ended: Instant) {
        let took = ended.saturating_duration_since(started);
        self.0 = Some(Last { took, ended });
    }

    /// How long the group that begins `now` should wait for more events, if at all.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let Last { took, ended } = self.0.as_ref()?;
        let is_busy = now.saturating_duration_since(*ended) < *took;
        (is_busy && *took >= QUICK).then(|| took.saturating_mul(SHARE).min(PATIENCE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(1);

    fn after(took: Duration) -> (Pace, Instant) {
        let (mut pace, started) = (Pace::default(), Instant::now());
        pace.committed(started, started + took);
        (pace, started + took)
    }

    #[test]
    fn a_busy_storage_is_given_a_moment_and_an_idle_one_none() {
        assert_eq!(Pace::default().pause(Instant::now()), None);
        let (pace, ended) = after(STEP);
        assert_eq!(pace.pause(ended + STEP / 2), Some(STEP * SHARE));
        assert_eq!(pace.pause(ended + STEP), None);
    }

    #[test]
    fn nothing_waits_for_a_quick_storage_nor_long_for_a_slow_one() {
        let (pace, ended) = after(QUICK / 2);
        assert_eq!(pace.pause(ended), None);
        let (pace, ended) = after(PATIENCE * 10);
        assert_eq!(pace.pause(ended), Some(PATIENCE));
    }
}
