//! Counters that became rates.

use std::time::Duration;

/// How much a counter grew in a second. One that fell was set back, and is taken to have stood still.
pub(super) fn per_second(before: u64, after: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 {
        after.saturating_sub(before) as f64 / seconds
    } else {
        0.0
    }
}

/// The larger of two figures with what they belong to.
pub(super) fn larger<T>(best: &mut Option<(f64, T)>, figure: f64, of: T) {
    if best.as_ref().is_none_or(|(largest, _)| figure > *largest) {
        *best = Some((figure, of));
    }
}
