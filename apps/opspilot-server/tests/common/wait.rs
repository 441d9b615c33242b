//! Waiting for another process.

use std::time::{Duration, Instant};

/// How long a condition may take to come true on a slow machine before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(10);

/// Waits until `look` finds something.
///
/// # Panics
/// With `what` and the text of `explain` when it has not within [`PATIENCE`].
pub(crate) fn until<T>(
    what: &str,
    explain: impl Fn() -> String,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "waited in vain until {what}\n{}",
            explain()
        );
        pause(STEP);
    }
}

/// Lets another process work for a while.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of another process cannot be paused"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
