//! What was sent of a source that is asked for its place, what of it is done, and how much of that is stored.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opspilot_core::module::{Context, HealthStatus};
use opspilot_core::signal::{Ack, PositionTracker};
use opspilot_core::storage::StorageError;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How far apart positions are stored at least.
const STORE_EVERY: Duration = Duration::from_millis(200);

/// The pause after a failed store.
const RETRY: Duration = Duration::from_secs(1);

/// How long the last position may take when the module stops.
const LAST_POSITION: Duration = Duration::from_secs(2);

/// Where a source stands behind a batch, and what else is stored with that.
pub(crate) trait Mark: Debug + Clone + Send {
    /// Where reading goes on.
    type Place: Debug + Clone + Send;

    /// Where reading goes on behind this mark.
    fn place(&self) -> Self::Place;

    /// Takes in the mark that comes behind this one.
    fn absorb(&mut self, later: Self);
}

/// Stores marks.
pub(crate) trait Keep<M>: Sync {
    /// Stores that everything up to `mark` is done with.
    fn keep(&self, mark: &M) -> impl Future<Output = Result<(), StorageError>> + Send;
}

/// What was sent and what of it is done; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(crate) struct Progress<M: Mark>(Arc<Shared<M>>);

#[derive(Debug)]
struct Shared<M: Mark> {
    state: Mutex<State<M>>,
    /// Told by the tracker.
    settled: Arc<Notify>,
    /// Told when there is room for more, or when something failed.
    room: Notify,
}

#[derive(Debug)]
struct State<M: Mark> {
    tracker: PositionTracker,
    next: u64,
    marks: VecDeque<(u64, M)>,
    place: Option<M::Place>,
    unstored: Option<M>,
}

impl<M: Mark> Progress<M> {
    /// Reading goes on behind `place`.
    pub(crate) fn new(place: Option<M::Place>) -> Self {
        let settled = Arc::<Notify>::default();
        let state = State {
            tracker: PositionTracker::new(0, Arc::clone(&settled)),
            next: 0,
            marks: VecDeque::new(),
            place,
            unstored: None,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            settled,
            room: Notify::new(),
        }))
    }

    /// The acknowledgement of a batch behind which the source stands at `mark`.
    pub(crate) fn begin(&self, mark: M) -> Ack {
        let mut state = self.lock();
        state.next += 1;
        let next = state.next;
        state.marks.push_back((next, mark));
        state.tracker.begin(next)
    }

    /// Forgets what is under way, and returns the place behind which reading starts again.
    pub(crate) fn restart(&self) -> Option<M::Place> {
        let mut state = self.lock();
        state.advance();
        state.tracker = PositionTracker::new(state.next, Arc::clone(&self.0.settled));
        state.marks.clear();
        state.place.clone()
    }

    /// Forgets the place as well: it cannot be used.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        state.place = None;
        state.unstored = None;
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.lock().tracker.in_flight()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.lock().tracker.has_failed()
    }

    /// Waits until something settled.
    pub(crate) async fn room(&self) {
        self.0.room.notified().await;
    }

    /// Stores what settled.
    pub(crate) async fn store(&self, keeper: &impl Keep<M>) -> Result<(), StorageError> {
        let unstored = {
            let mut state = self.lock();
            state.advance();
            state.unstored.take()
        };
        let Some(mut mark) = unstored else {
            return Ok(());
        };
        let outcome = keeper.keep(&mark).await;
        if outcome.is_err() {
            let mut state = self.lock();
            if let Some(later) = state.unstored.take() {
                mark.absorb(later);
            }
            // One that was forgotten meanwhile is of no use.
            state.unstored = state.place.is_some().then_some(mark);
        }
        outcome
    }

    /// Stores positions as they move, until the module is cancelled; then what settles within a short time.
    pub(crate) async fn keep(&self, cx: &Context, keeper: &impl Keep<M>) {
        let mut due: Option<Instant> = None;
        loop {
            let store_at = due.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => break,
                () = tokio::time::sleep_until(store_at), if due.is_some() => {
                    due = match self.store(keeper).await {
                        Ok(()) => {
                            cx.health.clear("store");
                            None
                        }
                        Err(error) => {
                            trouble(cx, &error);
                            Some(Instant::now() + RETRY)
                        }
                    };
                }
                () = self.0.settled.notified() => {
                    self.0.room.notify_one();
                    due.get_or_insert_with(|| Instant::now() + STORE_EVERY);
                }
            }
        }
        // A storage that hangs is left alone: what was not stored is read again.
        tokio::time::timeout(LAST_POSITION, self.finish(keeper))
            .await
            .ok();
    }

    async fn finish(&self, keeper: &impl Keep<M>) {
        loop {
            if self.store(keeper).await.is_err() {
                return;
            }
            if self.has_failed() || self.in_flight() == 0 {
                // What settled meanwhile.
                self.store(keeper).await.ok();
                return;
            }
            self.0.settled.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Mark> State<M> {
    fn advance(&mut self) {
        let settled = self.tracker.settled();
        while self.marks.front().is_some_and(|(mark, _)| *mark <= settled) {
            let Some((_, mark)) = self.marks.pop_front() else {
                return;
            };
            self.place = Some(mark.place());
            match &mut self.unstored {
                Some(last) => last.absorb(mark),
                None => self.unstored = Some(mark),
            }
        }
    }
}

fn trouble(cx: &Context, error: &StorageError) {
    let message = format!(
        "cannot store the position: {}",
        opspilot_core::error::chain(error)
    );
    cx.health.raise("store", HealthStatus::Degraded, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Numbers(Vec<u64>);

    impl Mark for Numbers {
        type Place = u64;

        fn place(&self) -> u64 {
            self.0.last().copied().unwrap_or_default()
        }

        fn absorb(&mut self, later: Self) {
            self.0.extend(later.0);
        }
    }

    /// Stores into a list, unless it is full; `during` happens in the middle.
    struct Shelf {
        stored: Mutex<Vec<Numbers>>,
        is_full: bool,
        during: Box<dyn Fn() + Send + Sync>,
    }

    impl Shelf {
        fn new(is_full: bool, during: impl Fn() + Send + Sync + 'static) -> Self {
            Self {
                stored: Mutex::default(),
                is_full,
                during: Box::new(during),
            }
        }

        fn stored(&self) -> Vec<Vec<u64>> {
            let stored = self.stored.lock().unwrap();
            stored.iter().map(|mark| mark.0.clone()).collect()
        }
    }

    impl Keep<Numbers> for Shelf {
        async fn keep(&self, mark: &Numbers) -> Result<(), StorageError> {
            (self.during)();
            if self.is_full {
                return Err(StorageError::Closed);
            }
            self.stored.lock().unwrap().push(mark.clone());
            Ok(())
        }
    }

    fn settle(progress: &Progress<Numbers>, number: u64) {
        drop(progress.begin(Numbers(vec![number])));
    }

    #[tokio::test]
    async fn what_is_done_is_stored_in_order_and_once() {
        let progress = Progress::new(None);
        let (first, second) = (
            progress.begin(Numbers(vec![1])),
            progress.begin(Numbers(vec![2])),
        );
        drop(second);
        let shelf = Shelf::new(false, || {});
        progress.store(&shelf).await.unwrap();
        assert_eq!(
            shelf.stored(),
            [] as [Vec<u64>; 0],
            "the first one is under way"
        );
        drop(first);
        progress.store(&shelf).await.unwrap();
        progress.store(&shelf).await.unwrap();
        assert_eq!(shelf.stored(), [[1, 2]]);
        assert_eq!(progress.restart(), Some(2));
    }

    #[tokio::test]
    async fn what_cannot_be_stored_is_kept_with_what_comes_meanwhile() {
        let progress = Progress::new(Some(0));
        settle(&progress, 1);
        let own = progress.clone();
        let full = Shelf::new(true, move || {
            settle(&own, 2);
            assert_eq!(own.restart(), Some(2));
        });
        progress.store(&full).await.unwrap_err();
        let shelf = Shelf::new(false, || {});
        progress.store(&shelf).await.unwrap();
        assert_eq!(shelf.stored(), [[1, 2]]);
    }

    #[tokio::test]
    async fn what_failed_is_read_again_and_what_is_forgotten_is_not_stored() {
        let progress = Progress::new(Some(7));
        progress.begin(Numbers(vec![8])).fail();
        assert!(progress.has_failed());
        assert_eq!(progress.restart(), Some(7));
        assert!(!progress.has_failed() && progress.in_flight() == 0);
        settle(&progress, 8);
        let own = progress.clone();
        let full = Shelf::new(true, move || own.forget());
        progress.store(&full).await.unwrap_err();
        let shelf = Shelf::new(false, || {});
        progress.store(&shelf).await.unwrap();
        assert_eq!(shelf.stored(), [] as [Vec<u64>; 0]);
        assert_eq!(progress.restart(), None);
    }
}
