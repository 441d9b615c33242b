//! The samples of one series and what they add up to.

use std::collections::VecDeque;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// How many samples a window keeps at most; the oldest make room.
pub(super) const MAX_SAMPLES: usize = 10_000;

/// When samples count as a breach, and when as calm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    pub(super) window: Duration,
    pub(super) min_samples: usize,
    /// How many samples are kept.
    pub(super) max_samples: usize,
    pub(super) clear_after: Duration,
}

/// What a sample is, seen alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Beyond the threshold.
    Breach,
    /// Between the threshold and the one that clears.
    Between,
    /// On the safe side of both.
    Safe,
}

/// What a sample shows, seen with those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The breach lasts long enough.
    Breached,
    /// All has been safe long enough.
    Calm,
    /// Neither.
    Open,
}

/// The samples of a window. Every operation takes constant time on average.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Series {
    /// Times in milliseconds and values as the bits of a double, which JSON keeps exactly.
    samples: VecDeque<(i64, u64)>,
    /// How many of the newest samples are a breach.
    breaches: usize,
    /// Since when every sample was safe.
    safe_since: Option<i64>,
    #[serde(skip)]
    sum: Sum,
}

/// Values are added up in units of this size, so that no sum of a full window overflows. A power of two, so that nothing
/// is rounded; more than [`MAX_SAMPLES`].
const UNIT: f64 = 16_384.0;

/// A running sum. It is added up anew when rounding errors may have grown: after many changes, and when most of it left,
/// which takes with it the digits of what stays.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sum {
    value: f64,
    peak: f64,
    changes: usize,
}

/// How much smaller than its peak a sum may become before it is added up anew.
const MAX_LOSS: f64 = 1e-3;

impl Series {
    /// Adds a sample taken at `now`.
    pub(super) fn add(
        &mut self,
        now: Timestamp,
        (value, level): (f64, Level),
        limits: Limits,
    ) -> Verdict {
        self.expire(now, limits);
        self.samples.push_back((now.as_millis(), value.to_bits()));
        self.change(value);
        self.breaches = if level == Level::Breach {
            self.breaches.saturating_add(1)
        } else {
            0
        };
        self.safe_since = match (level, self.safe_since) {
            (Level::Safe, Some(since)) if since <= now.as_millis() => Some(since),
            (Level::Safe, _) => Some(now.as_millis()),
            _ => None,
        };
        let is_sustained = self.breaches.min(self.samples.len()) >= limits.min_samples;
        if is_sustained {
            return Verdict::Breached;
        }
        let calm_for = self
            .safe_since
            .map(|since| now.since(Timestamp::from_millis(since)));
        if calm_for.is_some_and(|calm| calm >= limits.clear_after) {
            Verdict::Calm
        } else {
            Verdict::Open
        }
    }

    /// How many samples the window holds.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// The newest `most` samples, oldest first: how many milliseconds before the newest of them each was taken, and its
    /// value.
    pub(super) fn newest(&self, most: usize) -> Vec<(i64, f64)> {
        let end = self.samples.back().map_or(0, |(at, _)| *at);
        let first = self.samples.len().saturating_sub(most);
        let shown = self.samples.iter().skip(first);
        shown
            .map(|(at, value)| (end.saturating_sub(*at), f64::from_bits(*value)))
            .collect()
    }

    /// The average over the window.
    pub(super) fn average(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a window holds few samples")]
        let count = self.samples.len().max(1) as f64;
        self.sum.value / count * UNIT
    }

    /// Drops what is older than the window, and what a clock that was set back left in the future.
    fn expire(&mut self, now: Timestamp, limits: Limits) {
        let oldest = now.minus(limits.window).as_millis();
        while let Some(&(at, value)) = self.samples.front()
            && (at < oldest || self.samples.len() >= limits.max_samples)
        {
            self.samples.pop_front();
            self.change(-f64::from_bits(value));
        }
        while let Some(&(at, value)) = self.samples.back()
            && at > now.as_millis()
        {
            self.samples.pop_back();
            self.change(-f64::from_bits(value));
        }
    }

    fn change(&mut self, difference: f64) {
        let sum = &mut self.sum;
        sum.value += difference / UNIT;
        sum.peak = sum.peak.max(sum.value.abs());
        sum.changes += 1;
        let has_lost = sum.value.abs() < sum.peak * MAX_LOSS;
        // After as many changes as there are samples, adding up costs each of them nothing more.
        if sum.changes > MAX_SAMPLES || (has_lost && sum.changes >= self.samples.len()) {
            self.add_up();
        }
    }

    /// Adds the window up. Needed after reading a series from its stored form.
    pub(super) fn add_up(&mut self) {
        let value: f64 = self
            .samples
            .iter()
            .map(|(_, value)| f64::from_bits(*value) / UNIT)
            .sum();
        self.sum = Sum {
            value,
            peak: value.abs(),
            changes: 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level() -> impl Strategy<Value = Level> {
        prop_oneof![3 => Just(Level::Breach), 1 => Just(Level::Between), 3 => Just(Level::Safe)]
    }

    /// The definition, over all samples ever seen.
    fn naive(samples: &[(i64, f64, Level)], limits: Limits) -> (Verdict, usize, f64) {
        let (now, _, level) = *samples.last().unwrap();
        let since = now - i64::try_from(limits.window.as_millis()).unwrap();
        let window: Vec<_> = samples.iter().filter(|(at, ..)| *at >= since).collect();
        let newest = samples.iter().rev().take(limits.min_samples);
        let sustained = samples.len() >= limits.min_samples
            && newest
                .clone()
                .all(|(at, _, level)| *at >= since && *level == Level::Breach);
        let safe = samples
            .iter()
            .rev()
            .take_while(|(.., level)| *level == Level::Safe)
            .last();
        let calm = safe.is_some_and(|(at, ..)| {
            u128::from((now - at).unsigned_abs()) >= limits.clear_after.as_millis()
        });
        let verdict = match level {
            Level::Breach if sustained => Verdict::Breached,
            Level::Safe if calm => Verdict::Calm,
            _ => Verdict::Open,
        };
        #[expect(clippy::cast_precision_loss, reason = "few samples")]
        let count = window.len() as f64;
        (
            verdict,
            window.len(),
            window.iter().map(|(_, value, _)| value).sum::<f64>() / count,
        )
    }

    proptest! {
        #[test]
        fn series_is_what_its_definition_says(
            steps in prop::collection::vec((0..40_i64, -1e6..1e6, level()), 1..80),
            window in 1..200_u64, min_samples in 1..6_usize, clear_after in 0..200_u64,
            stored_at in 0..80_usize,
        ) {
            let limits = Limits {
                window: Duration::from_millis(window),
                min_samples,
                max_samples: MAX_SAMPLES,
                clear_after: Duration::from_millis(clear_after),
            };
            let (mut series, mut all, mut now) = (Series::default(), Vec::new(), 0);
            for (index, (step, value, level)) in steps.into_iter().enumerate() {
                if index == stored_at {
                    let stored = serde_json::to_string(&series).unwrap();
                    series = serde_json::from_str(&stored).unwrap();
                    series.add_up();
                }
                now += step;
                all.push((now, value, level));
                let verdict = series.add(Timestamp::from_millis(now), (value, level), limits);
                let (expected, count, average) = naive(&all, limits);
                prop_assert_eq!((verdict, series.len()), (expected, count));
                prop_assert!((series.average() - average).abs() < 1e-6);
            }
        }

        #[test]
        fn memory_is_bounded_and_a_clock_set_back_is_survived(back in 1..1_000_i64) {
            let limits = Limits { window: Duration::from_secs(60), min_samples: 2, max_samples: MAX_SAMPLES, clear_after: Duration::ZERO };
            let mut series = Series::default();
            for _ in 0..MAX_SAMPLES + 10 {
                series.add(Timestamp::from_millis(5_000), (f64::MAX, Level::Breach), limits);
            }
            prop_assert_eq!(series.len(), MAX_SAMPLES);
            let verdict = series.add(Timestamp::from_millis(5_000 - back), (1.0, Level::Breach), limits);
            prop_assert_eq!((verdict, series.len()), (Verdict::Open, 1));
            let verdict = series.add(Timestamp::from_millis(5_000 - back), (1.0, Level::Breach), limits);
            prop_assert_eq!((verdict, series.average()), (Verdict::Breached, 1.0));
        }
    }
}
