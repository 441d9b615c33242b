//! When a group is polled besides its usual times: after a ring of live tail.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The shortest pause between polls, and the first before a poll is repeated that did not see what was told.
const SHORTEST: Duration = Duration::from_secs(1);

/// When a group is polled besides its usual times.
#[derive(Debug)]
pub(super) struct Wakes {
    /// Rings with the time of the newest that there is. `None` without live tail.
    bell: Option<watch::Receiver<i64>>,
    /// How often the group is polled anyhow.
    every: Duration,
    /// The next poll that was asked for.
    due: Option<Instant>,
    /// The pause before the poll after that, if it does not see what was told.
    pause: Duration,
    /// The pause between polls: longer while the service throttles them.
    gap: Duration,
    /// When the last poll ended.
    ended: Instant,
    /// The newest that was told.
    told: i64,
}

impl Wakes {
    pub(super) fn new(bell: Option<watch::Receiver<i64>>, every: Duration) -> Self {
        Self {
            bell,
            every,
            due: None,
            pause: SHORTEST,
            gap: SHORTEST,
            ended: Instant::now(),
            told: 0,
        }
    }

    /// Waits until a poll is due; for ever without live tail.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn due(&mut self) {
        let Some(mut bell) = self.bell.clone() else {
            return std::future::pending().await;
        };
        loop {
            let at = self.due.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                Ok(()) = bell.changed() => {
                    let newest = *bell.borrow_and_update();
                    self.bell = Some(bell.clone());
                    self.rung(newest, Instant::now());
                }
                () = tokio::time::sleep_until(at), if self.due.is_some() => return,
                else => return std::future::pending().await,
            }
        }
    }

    fn rung(&mut self, newest: i64, now: Instant) {
        let at = now.max(self.ended + self.gap);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        self.pause = SHORTEST;
        self.told = self.told.max(newest);
    }

    /// A poll ended, which has seen all up to `newest`, or was throttled.
    pub(super) fn polled(&mut self, newest: i64, is_throttled: bool) {
        let now = Instant::now();
        self.ended = now;
        self.gap = if is_throttled {
            (self.gap * 2).min(self.every)
        } else {
            (self.gap / 2).max(SHORTEST)
        };
        let sees_all = newest >= self.told;
        self.due = match self.due {
            Some(_) if !sees_all && self.pause < self.every => {
                let pause = self.pause.max(self.gap);
                self.pause *= 2;
                Some(now + pause)
            }
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When the next polls are due, in seconds from now, where none sees more than `newest`.
    async fn polls(wakes: &mut Wakes, newest: i64, is_throttled: bool) -> Vec<u64> {
        let began = Instant::now();
        let mut times = Vec::new();
        while tokio::time::timeout(Duration::from_hours(1), wakes.due())
            .await
            .is_ok()
        {
            times.push(began.elapsed().as_secs());
            wakes.polled(newest, is_throttled);
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn a_ring_is_followed_up_until_the_news_is_seen_or_the_usual_poll_comes() {
        let bell = watch::Sender::new(0);
        let mut wakes = Wakes::new(Some(bell.subscribe()), Duration::from_secs(10));
        wakes.polled(5, false);
        assert!(polls(&mut wakes, 5, false).await.is_empty());
        bell.send_replace(7);
        assert_eq!(polls(&mut wakes, 5, false).await, [0, 1, 3, 7, 15]);
        bell.send_replace(7);
        assert_eq!(polls(&mut wakes, 7, false).await, [0], "it was seen");
    }

    #[tokio::test(start_paused = true)]
    async fn polls_keep_apart_and_more_so_while_they_are_throttled() {
        let bell = watch::Sender::new(0);
        let mut wakes = Wakes::new(Some(bell.subscribe()), Duration::from_secs(30));
        wakes.polled(0, false);
        bell.send_replace(1);
        assert_eq!(polls(&mut wakes, 1, false).await, [1], "after the last one");
        for expected in [2, 4, 8, 16, 30, 30] {
            wakes.polled(1, true);
            let began = Instant::now();
            bell.send_replace(1);
            wakes.due().await;
            assert_eq!(began.elapsed(), Duration::from_secs(expected));
        }
        for _ in 0..5 {
            wakes.polled(1, false);
        }
        assert_eq!(wakes.gap, SHORTEST);
    }

    #[tokio::test(start_paused = true)]
    async fn without_live_tail_nothing_is_due() {
        let mut wakes = Wakes::new(None, Duration::from_secs(30));
        assert!(polls(&mut wakes, 0, false).await.is_empty());
    }
}
