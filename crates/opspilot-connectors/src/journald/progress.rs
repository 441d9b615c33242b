//! How far the journal was read, and how far that is stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opspilot_core::module::{Context, HealthStatus};
use opspilot_core::signal::{Ack, PositionTracker};
use opspilot_core::storage::{Collection, CollectionSpec, Record, StorageError};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How far apart positions are stored at least.
const STORE_EVERY: Duration = Duration::from_millis(200);

/// The pause after a failed store.
const RETRY: Duration = Duration::from_secs(1);

/// How long the last position may take when the module stops.
const LAST_POSITION: Duration = Duration::from_secs(2);

/// Where reading goes on after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    /// The version of this form.
    pub(super) format: u32,
    /// Which journal it is.
    pub(super) journal: String,
    /// The cursor of the last entry that is done with.
    pub(super) cursor: String,
    /// The filter that was used: another one may not meet that entry again.
    pub(super) filter: String,
}

impl Record for Position {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "positions",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.journal.clone()
    }
}

/// What was sent and what of it is done; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told by the tracker.
    settled: Arc<Notify>,
    /// Told when there is room for more, or when something failed.
    room: Notify,
}

#[derive(Debug)]
struct State {
    tracker: PositionTracker,
    next: u64,
    marks: VecDeque<(u64, String)>,
    cursor: Option<String>,
    is_unstored: bool,
}

impl Progress {
    /// Reading goes on behind `cursor`.
    pub(super) fn new(cursor: Option<String>) -> Self {
        let settled = Arc::<Notify>::default();
        let state = State {
            tracker: PositionTracker::new(0, Arc::clone(&settled)),
            next: 0,
            marks: VecDeque::new(),
            cursor,
            is_unstored: false,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            settled,
            room: Notify::new(),
        }))
    }

    /// The acknowledgement of a batch that ends with the entry under `cursor`.
    pub(super) fn begin(&self, cursor: String) -> Ack {
        let mut state = self.lock();
        state.next += 1;
        let next = state.next;
        state.marks.push_back((next, cursor));
        state.tracker.begin(next)
    }

    /// Forgets what is under way, and returns the cursor behind which reading starts again.
    pub(super) fn restart(&self) -> Option<String> {
        let mut state = self.lock();
        state.advance();
        let next = state.next;
        state.tracker = PositionTracker::new(next, Arc::clone(&self.0.settled));
        state.marks.clear();
        state.cursor.clone()
    }

    /// Forgets the cursor as well: it cannot be used.
    pub(super) fn forget(&self) {
        self.lock().cursor = None;
    }

    pub(super) fn in_flight(&self) -> usize {
        self.lock().tracker.in_flight()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.lock().tracker.has_failed()
    }

    /// Waits until something settled.
    pub(super) async fn room(&self) {
        self.0.room.notified().await;
    }

    fn unstored(&self) -> Option<String> {
        let mut state = self.lock();
        state.advance();
        state.is_unstored.then(|| state.cursor.clone()).flatten()
    }

    fn stored(&self, cursor: &str) {
        let mut state = self.lock();
        if state.cursor.as_deref() == Some(cursor) {
            state.is_unstored = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn advance(&mut self) {
        let settled = self.tracker.settled();
        while self.marks.front().is_some_and(|(mark, _)| *mark <= settled) {
            if let Some((_, cursor)) = self.marks.pop_front() {
                self.cursor = Some(cursor);
                self.is_unstored = true;
            }
        }
    }
}

/// Stores the position as it moves.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    pub(super) cx: &'a Context,
    pub(super) progress: Progress,
    pub(super) positions: Collection<Position>,
    pub(super) journal: String,
    pub(super) filter: String,
}

impl Keeper<'_> {
    /// Stores positions until the module is cancelled, and then what settles within a short time.
    pub(super) async fn run(self) {
        let mut due: Option<Instant> = None;
        loop {
            let store_at = due.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => break,
                () = tokio::time::sleep_until(store_at), if due.is_some() => {
                    due = match self.store().await {
                        Ok(()) => None,
                        Err(error) => {
                            self.trouble(&error);
                            Some(Instant::now() + RETRY)
                        }
                    };
                }
                () = self.progress.0.settled.notified() => {
                    self.progress.0.room.notify_one();
                    due.get_or_insert_with(|| Instant::now() + STORE_EVERY);
                }
            }
        }
        // A storage that hangs is left alone: what was not stored is read again.
        tokio::time::timeout(LAST_POSITION, self.finish())
            .await
            .ok();
    }

    async fn finish(&self) {
        loop {
            if self.store().await.is_err() {
                return;
            }
            if self.progress.has_failed() || self.progress.in_flight() == 0 {
                // What settled meanwhile.
                self.store().await.ok();
                return;
            }
            self.progress.0.settled.notified().await;
        }
    }

    async fn store(&self) -> Result<(), StorageError> {
        let Some(cursor) = self.progress.unstored() else {
            return Ok(());
        };
        let position = Position {
            format: 1,
            journal: self.journal.clone(),
            cursor,
            filter: self.filter.clone(),
        };
        self.positions.save(&position).await?;
        self.progress.stored(&position.cursor);
        self.cx.health.clear("store");
        self.cx.health.detail("cursor", position.cursor);
        Ok(())
    }

    fn trouble(&self, error: &StorageError) {
        let message = format!(
            "cannot store the position: {}",
            opspilot_core::error::chain(error)
        );
        self.cx
            .health
            .raise("store", HealthStatus::Degraded, message);
    }
}
