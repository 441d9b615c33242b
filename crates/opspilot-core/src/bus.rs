//! The event bus: two planes, two promises.
//!
//! - Signals (log batches) go through bounded queues; a sender waits for the slowest subscriber.
//! - Events are stored in the journal in the transaction that made them true, then delivered at least once to each
//!   named consumer, which has a place of its own.
//!
//! Between publishing and storing lie the stages of an event type, see [`Stage`].

mod consumer;
mod consumers;
mod dead_letter;
mod delivery;
mod error;
mod hub;
mod lanes;
mod ledger;
mod metrics;
mod module_bus;
mod pace;
mod publication;
mod stage;
mod streams;
mod submission;
#[cfg(test)]
mod tests;
mod tx;
mod work;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

pub use consumer::Consumer;
pub use dead_letter::DeadLetter;
pub use delivery::{DeliveryError, DeliveryPolicy};
pub use error::PublishError;
pub use hub::LogReceiver;
pub use metrics::METRICS;
pub use module_bus::{ModuleBus, Rights};
pub use publication::Publication;
pub use stage::{Stage, StageOrder, Staged};
pub use streams::StreamStatus;
pub use tx::Tx;
pub use work::Work;

use self::consumers::Consumers;
use self::dead_letter::Letters;
use self::hub::Hub;
use self::lanes::{Lane, Lanes};
use self::ledger::Ledger;
use self::metrics::BusMetrics;
use self::pace::Pace;
use self::stage::Stages;
use self::streams::Streams;
use self::submission::Submission;
use self::work::transact;
use crate::clock::Clock;
use crate::event::Event;
use crate::health::HealthReporter;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::storage::{Collection, Cursor, SharedStorage, StorageError, Store};

/// How many publications wait for the ledger. When it is full, publishers wait.
const QUEUE: usize = 1_024;

/// How many events those publications may hold, so that what waits stays small however much every line finds. A larger
/// publication waits for all of it.
const ROOM: u32 = 4_096;

/// The bus of a process; cloning it clones a handle.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    storage: SharedStorage,
    clock: Arc<dyn Clock>,
    queue: mpsc::Sender<Submission>,
    room: Arc<Semaphore>,
    hub: Hub,
    streams: Streams,
    stages: tokio::sync::Mutex<Stages>,
    consumers: Consumers,
    dead_letters: Letters,
    journal: Journal,
    lanes: Collection<Lane>,
    health: HealthReporter,
    metrics: BusMetrics,
    registry: Metrics,
    closing: CancellationToken,
    abandon: CancellationToken,
    ledger: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Bus {
    /// Starts a bus on `storage`. Its health tells of trouble with the storage.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn start(
        storage: SharedStorage,
        clock: Arc<dyn Clock>,
        registry: &Metrics,
        health: HealthReporter,
    ) -> Result<Self, StorageError> {
        let system = Store::new(Arc::clone(&storage), "system");
        let (queue, submissions) = mpsc::channel(QUEUE);
        let metrics = BusMetrics::of(registry);
        let lanes: Collection<Lane> = system.collection().await?;
        let inner = Arc::new(Inner {
            lanes: lanes.clone(),
            journal: Journal::open(Arc::clone(&storage)).await?,
            consumers: Consumers::new(system.collection().await?),
            dead_letters: Letters(system.collection().await?),
            hub: Hub::default(),
            streams: Streams::default(),
            stages: tokio::sync::Mutex::default(),
            closing: CancellationToken::new(),
            abandon: CancellationToken::new(),
            ledger: Mutex::default(),
            registry: registry.clone(),
            storage,
            clock,
            queue,
            room: Arc::new(Semaphore::new(ROOM as usize)),
            health,
            metrics,
        });
        let ledger = Ledger {
            bus: Arc::clone(&inner),
            queue: submissions,
            lanes: Lanes::new(lanes),
            closing: inner.closing.clone(),
            abandon: inner.abandon.clone(),
            untrimmed: 0,
            pace: Pace::default(),
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the bus owns this task and awaits it in `close`"
        )]
        let task = tokio::spawn(ledger.run());
        *inner.ledger.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(Self(inner))
    }

    /// The bus as a module with these rights may use it.
    #[must_use]
    pub fn of_module(&self, rights: Rights, health: HealthReporter) -> ModuleBus {
        ModuleBus::new(self.clone(), rights, health)
    }

    /// Runs `work` in a transaction, on behalf of `source`, and returns when it is stored.
    ///
    /// # Errors
    /// When the transaction could not be stored, or the bus is closed.
    pub async fn transact<W: Work>(
        &self,
        source: &str,
        work: W,
    ) -> Result<W::Output, PublishError> {
        transact(&self.0, source, work).await
    }

    /// One page of dead letters, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn dead_letters(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<DeadLetter>, Option<Cursor>), StorageError> {
        self.0.dead_letters.list(after, limit).await
    }

    /// Asks a dead letter's consumer to try again. Returns the letter, or `None` if there is no such letter.
    ///
    /// # Errors
    /// When the storage cannot be written.
    pub async fn retry_dead_letter(&self, id: &str) -> Result<Option<DeadLetter>, StorageError> {
        let letter = self.0.dead_letters.request_retry(id).await?;
        if let Some(consumer) = letter
            .as_ref()
            .and_then(|letter| self.0.consumers.find(&letter.consumer))
        {
            consumer.wake.notify_one();
        }
        Ok(letter)
    }

    /// Removes a dead letter; false if there is no such letter.
    ///
    /// # Errors
    /// When the storage cannot be written.
    pub async fn discard_dead_letter(&self, id: &str) -> Result<bool, StorageError> {
        self.0.dead_letters.discard(id).await
    }

    /// The journal, for readers that follow everything.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// What came from each stream since the process started, and how many streams were forgotten to bound the list.
    #[must_use]
    pub fn streams(&self) -> (Vec<StreamStatus>, u64) {
        self.0.streams.list(self.0.clock.now())
    }

    /// The time of day that transactions have.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Removes the stages of a module that ended.
    pub async fn remove_stages(&self, module: &str) {
        self.0.stages.lock().await.remove(module);
    }

    /// Tells of something without waiting for it to be stored; dropped when the queue is full.
    pub(crate) fn announce<E: Event>(&self, event: E) {
        let source: Arc<str> = "core".into();
        let mut publication = Publication::new().event(event);
        publication
            .drafts
            .iter_mut()
            .for_each(|draft| draft.source = Arc::clone(&source));
        let submission = Submission {
            source,
            publication,
            work: None,
            forget: None,
            done: None,
            room: None,
        };
        self.0.queue.try_send(submission).ok();
    }

    /// Waits until every attached consumer has seen every event, at most `patience`.
    pub async fn drained(&self, patience: std::time::Duration) {
        let seen_all = async {
            while self
                .0
                .consumers
                .slowest()
                .is_some_and(|seen| seen < self.0.journal.head())
            {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        // Consumers that are behind resume from their place at the next start.
        tokio::time::timeout(patience, seen_all).await.ok();
    }

    /// Stores what is queued and ends the bus. With a storage that does not work, gives up when `patience` completes.
    pub async fn close(&self, patience: impl Future<Output = ()>) {
        self.0.closing.cancel();
        let task = self
            .0
            .ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut task) = task else { return };
        tokio::select! {
            _ = &mut task => return,
            () = patience => self.0.abandon.cancel(),
        }
        // A ledger that panicked has nothing left to store.
        task.await.ok();
    }

    async fn submit(&self, mut submission: Submission) -> Result<(), PublishError> {
        let events = u32::try_from(submission.publication.drafts.len()).unwrap_or(ROOM);
        let room = Arc::clone(&self.0.room);
        // The bus never closes the semaphore.
        submission.room = room.acquire_many_owned(events.min(ROOM)).await.ok();
        self.0
            .queue
            .send(submission)
            .await
            .map_err(|_| PublishError::Closed)
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("head", &self.0.journal.head())
            .finish_non_exhaustive()
    }
}
