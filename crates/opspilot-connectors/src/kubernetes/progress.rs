//! How far a resource was watched, what is known of its objects, and how much of that is stored.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opspilot_core::module::{Context, HealthStatus};
use opspilot_core::signal::{Ack, PositionTracker};
use opspilot_core::storage::{
    Collection, CollectionSpec, Expect, Query, Record, StorageError, WriteBatch,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How far apart positions are stored at least.
const STORE_EVERY: Duration = Duration::from_millis(200);

/// The pause after a failed store.
const RETRY: Duration = Duration::from_secs(1);

/// How long the last position may take when the module stops.
const LAST_POSITION: Duration = Duration::from_secs(2);

/// How many writes one transaction has.
const TOGETHER: usize = 500;

/// How far a resource was watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Watched {
    /// The version of this form.
    pub(super) format: u32,
    /// What is watched.
    pub(super) watch: String,
    /// How often the cluster's versions began anew (it was restored from a backup).
    pub(super) epoch: u64,
    /// Everything up to this resource version is done with.
    pub(super) version: u64,
}

impl Record for Watched {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "watches",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.watch.clone()
    }
}

/// The facts of one object that were told already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    /// What is watched.
    pub(super) watch: String,
    /// The object.
    pub(super) uid: String,
    /// Keys of facts.
    pub(super) facts: Vec<u64>,
}

impl Told {
    fn key_of(watch: &str, uid: &str) -> String {
        format!("{watch}|{uid}")
    }
}

impl Record for Told {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "told",
        indexes: &[],
    };

    fn key(&self) -> String {
        Self::key_of(&self.watch, &self.uid)
    }
}

/// Facts by object; `None` forgets the object.
pub(super) type Changes = BTreeMap<String, Option<Vec<u64>>>;

/// Where positions are stored; cloning it clones handles.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    watches: Collection<Watched>,
    told: Collection<Told>,
}

impl Positions {
    pub(super) async fn open(cx: &Context) -> Result<Self, StorageError> {
        Ok(Self {
            watches: cx.store.collection().await?,
            told: cx.store.collection().await?,
        })
    }

    /// What is stored of `watch`.
    pub(super) async fn load(
        &self,
        watch: &str,
    ) -> Result<(Option<Watched>, BTreeMap<String, Vec<u64>>), StorageError> {
        let watched = self.watches.get(watch).await?.map(|(watched, _)| watched);
        let mut told = BTreeMap::new();
        let mut after = None;
        loop {
            let (page, next) = self.told.query(&Query::by_key(500).after(after)).await?;
            let own = page.into_iter().filter(|one| one.watch == watch);
            told.extend(own.map(|one| (one.uid, one.facts)));
            after = next;
            if after.is_none() {
                return Ok((watched, told));
            }
        }
    }

    /// Stores where a watch stands: before anything is sent under a new epoch.
    pub(super) async fn save(&self, watched: &Watched) -> Result<(), StorageError> {
        self.watches.save(watched).await
    }

    /// Stores what is told, and with the last part of it how far the watch came.
    async fn apply(&self, watched: &Watched, changes: &Changes) -> Result<(), StorageError> {
        let all: Vec<_> = changes.iter().collect();
        for part in all.chunks(TOGETHER) {
            let mut batch = WriteBatch::default();
            for (uid, facts) in part {
                let write = match facts {
                    Some(facts) => {
                        let told = Told {
                            watch: watched.watch.clone(),
                            uid: (*uid).clone(),
                            facts: facts.clone(),
                        };
                        self.told.put(&told, Expect::Any)?
                    }
                    None => self.told.delete(&Told::key_of(&watched.watch, uid)),
                };
                batch.push(write);
            }
            if changes.len() <= TOGETHER {
                batch.push(self.watches.put(watched, Expect::Any)?);
            }
            self.watches.storage().apply(batch).await?;
        }
        if changes.is_empty() || changes.len() > TOGETHER {
            self.save(watched).await?;
        }
        Ok(())
    }
}

/// What was sent and what of it is done; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    settled: Arc<Notify>,
    room: Notify,
}

#[derive(Debug)]
struct State {
    tracker: PositionTracker,
    next: u64,
    marks: VecDeque<(u64, Watched, Changes)>,
    unstored: Option<(Watched, Changes)>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let settled = Arc::<Notify>::default();
        let state = State {
            tracker: PositionTracker::new(0, Arc::clone(&settled)),
            next: 0,
            marks: VecDeque::new(),
            unstored: None,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            settled,
            room: Notify::new(),
        }))
    }

    /// The acknowledgement of a batch after which the watch stands at `watched`.
    pub(super) fn begin(&self, watched: Watched, changes: Changes) -> Ack {
        let mut state = self.lock();
        state.next += 1;
        let next = state.next;
        state.marks.push_back((next, watched, changes));
        state.tracker.begin(next)
    }

    /// Forgets what is under way.
    pub(super) fn restart(&self) {
        let mut state = self.lock();
        state.advance();
        state.tracker = PositionTracker::new(state.next, Arc::clone(&self.0.settled));
        state.marks.clear();
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

    /// Stores what settled.
    pub(super) async fn store(&self, positions: &Positions) -> Result<(), StorageError> {
        let unstored = {
            let mut state = self.lock();
            state.advance();
            state.unstored.take()
        };
        let Some((watched, changes)) = unstored else {
            return Ok(());
        };
        let outcome = positions.apply(&watched, &changes).await;
        if outcome.is_err() {
            let mut state = self.lock();
            let later = state.unstored.take();
            let (last, mut all) = (watched, changes);
            let last = match later {
                Some((watched, changes)) => {
                    all.extend(changes);
                    watched
                }
                None => last,
            };
            state.unstored = Some((last, all));
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn advance(&mut self) {
        let settled = self.tracker.settled();
        while self
            .marks
            .front()
            .is_some_and(|(mark, ..)| *mark <= settled)
        {
            let Some((_, watched, changes)) = self.marks.pop_front() else {
                return;
            };
            match &mut self.unstored {
                Some((last, all)) => {
                    *last = watched;
                    all.extend(changes);
                }
                None => self.unstored = Some((watched, changes)),
            }
        }
    }
}

/// Stores positions as they move, until the module is cancelled; then what settles within a short time.
pub(super) async fn keep(cx: &Context, progress: &Progress, positions: &Positions) {
    let mut due: Option<Instant> = None;
    loop {
        let store_at = due.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => break,
            () = tokio::time::sleep_until(store_at), if due.is_some() => {
                due = match progress.store(positions).await {
                    Ok(()) => {
                        cx.health.clear("store");
                        None
                    }
                    Err(error) => {
                        let message = format!("cannot store the position: {}", opspilot_core::error::chain(&error));
                        cx.health.raise("store", HealthStatus::Degraded, message);
                        Some(Instant::now() + RETRY)
                    }
                };
            }
            () = progress.0.settled.notified() => {
                progress.0.room.notify_one();
                due.get_or_insert_with(|| Instant::now() + STORE_EVERY);
            }
        }
    }
    let finish = async {
        loop {
            if progress.store(positions).await.is_err() {
                return;
            }
            if progress.has_failed() || progress.in_flight() == 0 {
                progress.store(positions).await.ok();
                return;
            }
            progress.0.settled.notified().await;
        }
    };
    // A storage that hangs is left alone: what was not stored is read again.
    tokio::time::timeout(LAST_POSITION, finish).await.ok();
}
