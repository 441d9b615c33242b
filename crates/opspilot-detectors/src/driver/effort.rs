//! How long a detector takes for a batch: what takes long must not hold up the other tasks of its thread.

use std::time::Duration;

/// What takes longer is left to a thread for long work, which costs two switches between threads.
const SHORT: Duration = Duration::from_micros(300);

/// A batch that is short enough whatever the rules are, in bytes.
const SMALL: usize = 16 << 10;

/// What was measured of the batches before.
#[derive(Debug, Default)]
pub(super) struct Effort {
    /// The time for 1,024 bytes; unknown before the first batch.
    per_kib: Option<Duration>,
}

impl Effort {
    /// Whether a batch of so many bytes can be looked at on the spot.
    pub(super) fn is_short(&self, bytes: usize) -> bool {
        let expected = |per_kib: Duration| per_kib.saturating_mul(kib(bytes));
        bytes <= SMALL
            || self
                .per_kib
                .is_some_and(|per_kib| expected(per_kib) <= SHORT)
    }

    /// Takes down that a batch of so many bytes took so long. One that took long counts at once, quick ones slowly.
    pub(super) fn learn(&mut self, bytes: usize, took: Duration) {
        if bytes <= SMALL {
            return;
        }
        let newest = took / kib(bytes);
        self.per_kib = Some(match self.per_kib {
            Some(before) if newest < before => (before * 3 + newest) / 4,
            _ => newest,
        });
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes / 1_024).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Effort;

    const LARGE: usize = 256 << 10;

    #[test]
    fn a_large_batch_is_short_once_others_were() {
        let mut effort = Effort::default();
        assert!(effort.is_short(1_000) && !effort.is_short(LARGE));
        effort.learn(LARGE, Duration::from_micros(50));
        assert!(effort.is_short(LARGE));
    }

    #[test]
    fn one_long_batch_is_enough_to_be_careful_for_a_while() {
        let mut effort = Effort::default();
        effort.learn(LARGE, Duration::from_micros(50));
        effort.learn(LARGE, Duration::from_millis(2));
        assert!(!effort.is_short(LARGE));
        (0..20).for_each(|_| effort.learn(LARGE, Duration::from_micros(50)));
        assert!(effort.is_short(LARGE));
    }

    #[test]
    fn small_batches_say_nothing_of_large_ones() {
        let mut effort = Effort::default();
        effort.learn(100, Duration::ZERO);
        assert!(!effort.is_short(LARGE));
    }
}
