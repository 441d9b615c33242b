//! Named consumers of the incident plane.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::dead_letter::{DeadLetter, Retry};
use super::{Inner, PublishError};
use crate::error::chain;
use crate::event::Envelope;
use crate::health::{HealthReporter, HealthStatus};
use crate::resilience::{Backoff, BackoffPolicy};
use crate::storage::{Collection, CollectionSpec, Record, StorageError};

/// How many events a consumer takes from the journal at once.
const PAGE: usize = 256;

/// After how many events, at the latest, a consumer's place is stored while it is busy.
const SAVE_EVERY: u64 = 256;

/// How long an idle consumer waits before it tries again to store its place.
const SAVE_AGAIN: Duration = Duration::from_secs(1);

/// The stored place of a consumer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    name: String,
    cursor: u64,
}

impl Record for Place {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "consumers",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.name.clone()
    }
}

/// The consumers that are attached, by name.
#[derive(Debug)]
pub(super) struct Consumers {
    pub(super) places: Collection<Place>,
    attached: Mutex<HashMap<String, Arc<Attached>>>,
}

#[derive(Debug)]
pub(super) struct Attached {
    cursor: AtomicU64,
    pub(super) wake: Notify,
}

/// Why a consumer could not handle an event.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DeliveryError {
    message: String,
    retry: RetryAfter,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RetryAfter {
    Never,
    Backoff,
    AtLeast(Duration),
}

impl DeliveryError {
    /// A failure that trying again cannot mend: the event goes to the dead letters at once.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: RetryAfter::Never,
            source: None,
        }
    }

    /// A failure that may pass.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: RetryAfter::Backoff,
            source: None,
        }
    }

    /// Waits at least this long before the next attempt, because the peer asked for it.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.retry = RetryAfter::AtLeast(delay);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// True if trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.retry != RetryAfter::Never
    }
}

/// How long a consumer tries before it gives an event up.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPolicy {
    /// The spacing of attempts.
    pub backoff: BackoffPolicy,
    /// After this long the event goes to the dead letters.
    pub give_up_after: Duration,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        let backoff = BackoffPolicy::endless(Duration::from_millis(500), Duration::from_mins(1));
        Self {
            backoff,
            give_up_after: Duration::from_hours(24),
        }
    }
}

/// A named reader of the journal with a place of its own.
///
/// Every event of its types reaches it at least once: after a crash it resumes from its stored place, and sees again
/// what it handled since. It never delays another consumer.
pub struct Consumer {
    bus: Arc<Inner>,
    name: String,
    kinds: Vec<&'static str>,
    state: Arc<Attached>,
    health: HealthReporter,
    policy: DeliveryPolicy,
    /// What the health calls trouble with the delivery; each consumer of a module has its own.
    cause: String,
    /// The place that is stored.
    saved: u64,
    /// True if an event was handled since the place was stored.
    handled: bool,
}

impl Consumers {
    pub(super) fn new(places: Collection<Place>) -> Self {
        Self {
            places,
            attached: Mutex::default(),
        }
    }

    /// How far the slowest attached consumer is; `None` without consumers.
    pub(super) fn slowest(&self) -> Option<u64> {
        self.lock()
            .values()
            .map(|state| state.cursor.load(Ordering::Acquire))
            .min()
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Attached>> {
        self.lock().get(name).cloned()
    }

    fn attach(&self, name: &str, cursor: u64) -> Arc<Attached> {
        let state = Arc::new(Attached {
            cursor: cursor.into(),
            wake: Notify::new(),
        });
        self.lock().insert(name.to_owned(), Arc::clone(&state));
        state
    }

    fn detach(&self, name: &str, state: &Arc<Attached>) {
        let mut attached = self.lock();
        if attached
            .get(name)
            .is_some_and(|found| Arc::ptr_eq(found, state))
        {
            attached.remove(name);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Attached>>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer {
    pub(super) async fn attach(
        bus: Arc<Inner>,
        name: String,
        kinds: Vec<&'static str>,
        health: HealthReporter,
    ) -> Result<Self, StorageError> {
        let stored = bus.consumers.places.get(&name).await?;
        let cursor = stored
            .as_ref()
            .map_or_else(|| bus.journal.head(), |(place, _)| place.cursor);
        let state = bus.consumers.attach(&name, cursor);
        let policy = DeliveryPolicy::default();
        let mut consumer = Self {
            cause: format!("delivery by {name}"),
            bus,
            name,
            kinds,
            state,
            health,
            policy,
            saved: cursor,
            handled: false,
        };
        if stored.is_none() {
            consumer.save().await?;
        }
        Ok(consumer)
    }

    /// The consumer's full name, `<module>` or `<module>/<part>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Replaces the delivery policy.
    #[must_use]
    pub fn with_policy(mut self, policy: DeliveryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How many journal events lie before the consumer's place and the end.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.bus.journal.head().saturating_sub(self.cursor())
    }

    /// Hands every event to `handle`, one at a time and in order, until `cancel`.
    ///
    /// A failure is repeated with back-off; meanwhile the health of the module says so. An event that is given up goes
    /// to the dead letters, and the consumer goes on with the next.
    ///
    /// # Errors
    /// When the storage refuses for good; faults that may pass are waited out.
    ///
    /// # Cancel safety
    /// Dropping the future may repeat events from the last stored place.
    pub async fn run<H>(
        &mut self,
        cancel: &CancellationToken,
        mut handle: H,
    ) -> Result<(), StorageError>
    where
        H: AsyncFnMut(&Arc<Envelope>) -> Result<(), DeliveryError>,
    {
        self.run_pages(cancel, async |page| match page.first() {
            Some(first) => handle(first).await.map(|()| 1),
            None => Ok(0),
        })
        .await
    }

    /// Hands over what waits, in order and never empty, until `cancel`.
    ///
    /// `handle` says how many events it handled, from the first on; an error is about the first, and treated as in
    /// [`Consumer::run`]. After `Ok(0)` it is asked again at once, unless `cancel` came.
    ///
    /// # Errors
    /// When the storage refuses for good; faults that may pass are waited out.
    ///
    /// # Cancel safety
    /// Dropping the future may repeat events from the last stored place.
    pub async fn run_pages<H>(
        &mut self,
        cancel: &CancellationToken,
        mut handle: H,
    ) -> Result<(), StorageError>
    where
        H: AsyncFnMut(&[Arc<Envelope>]) -> Result<usize, DeliveryError>,
    {
        let mut head = self.bus.journal.watch();
        let mut has_letters = true;
        while !cancel.is_cancelled() {
            head.mark_unchanged();
            let page = self.read(cancel).await?;
            if !page.is_empty() {
                self.work(&page, cancel, &mut handle).await?;
                continue;
            }
            if std::mem::take(&mut has_letters) {
                self.redeliver(cancel, &mut handle).await?;
            }
            has_letters = self.idle(&mut head, cancel).await?;
        }
        self.save_unless_saved().await
    }

    /// Hands over the events of `page` that are of the consumer's types.
    async fn work<H>(
        &mut self,
        page: &[Arc<Envelope>],
        cancel: &CancellationToken,
        handle: &mut H,
    ) -> Result<(), StorageError>
    where
        H: AsyncFnMut(&[Arc<Envelope>]) -> Result<usize, DeliveryError>,
    {
        let wanted = |envelope: &&Arc<Envelope>| self.kinds.contains(&envelope.kind());
        let wanted: Vec<_> = page.iter().filter(wanted).cloned().collect();
        let mut waiting = wanted.as_slice();
        while !waiting.is_empty() {
            let handled = self.deliver(waiting, cancel, handle).await?;
            let (done, rest) = waiting.split_at(handled.min(waiting.len()));
            if let Some(last) = done.last() {
                self.handled = true;
                self.advance(last.seq).await?;
            }
            if cancel.is_cancelled() || done.is_empty() {
                return Ok(());
            }
            waiting = rest;
        }
        match page.last() {
            Some(last) => self.advance(last.seq).await,
            None => Ok(()),
        }
    }

    /// Waits for something to do, and stores the place meanwhile. True if somebody asked for a dead letter.
    async fn idle(
        &mut self,
        head: &mut watch::Receiver<u64>,
        cancel: &CancellationToken,
    ) -> Result<bool, StorageError> {
        let state = Arc::clone(&self.state);
        let is_unsaved = self.handled;
        // An event that comes while the place is being stored does not wait for that; a later place is stored then.
        let save = async {
            self.save().await?;
            if self.handled {
                tokio::time::sleep(SAVE_AGAIN).await;
            }
            Ok(false)
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Ok(false),
            () = state.wake.notified() => Ok(true),
            changed = head.changed() => changed.map(|()| false).map_err(|_| StorageError::Closed),
            outcome = save, if is_unsaved => outcome,
        }
    }

    /// Reads the next events, waiting for a storage that does not work.
    async fn read(&self, cancel: &CancellationToken) -> Result<Vec<Arc<Envelope>>, StorageError> {
        let mut backoff = super::tx::RETRY.start();
        loop {
            match self.bus.journal.read(self.cursor(), PAGE).await {
                Err(error) if error.is_transient() && !cancel.is_cancelled() => {
                    warn!(consumer = self.name, error = %chain(&error), "journal read failed, trying again");
                    wait(backoff.next_delay().unwrap_or_default(), cancel).await;
                }
                answer => return answer,
            }
        }
    }

    /// Returns how many of `waiting` were handled or given up; 0 when cancelled before.
    async fn deliver<H>(
        &mut self,
        waiting: &[Arc<Envelope>],
        cancel: &CancellationToken,
        handle: &mut H,
    ) -> Result<usize, StorageError>
    where
        H: AsyncFnMut(&[Arc<Envelope>]) -> Result<usize, DeliveryError>,
    {
        let Some(first) = waiting.first() else {
            return Ok(0);
        };
        let mut backoff = self.policy.backoff.start();
        let started = tokio::time::Instant::now();
        loop {
            let error = match handle(waiting).await {
                Ok(handled) => {
                    self.health.clear(&self.cause);
                    return Ok(handled);
                }
                Err(error) => error,
            };
            let delay = next_delay(&error, &mut backoff);
            let expired = started.elapsed() >= self.policy.give_up_after;
            let Some(delay) = delay.filter(|_| !expired) else {
                self.give_up(first, backoff.attempts().max(1), &error)
                    .await?;
                self.health.clear(&self.cause);
                return Ok(1);
            };
            let lag = self.lag();
            let message = format!(
                "{} cannot deliver, {lag} events wait: {}",
                self.name,
                chain(&error)
            );
            self.health
                .raise(self.cause.clone(), HealthStatus::Degraded, message);
            self.save_unless_saved().await?;
            if !wait(delay, cancel).await {
                return Ok(0);
            }
        }
    }

    async fn give_up(
        &self,
        envelope: &Envelope,
        attempts: u32,
        error: &DeliveryError,
    ) -> Result<(), StorageError> {
        let letter = DeadLetter::new(
            &self.name,
            envelope,
            attempts,
            chain(error),
            self.bus.clock.now(),
        );
        warn!(
            consumer = self.name,
            event = envelope.kind(),
            error = letter.error,
            "delivery given up"
        );
        self.bus
            .dead_letters
            .add(&self.bus, letter)
            .await
            .or_else(stored_later)
    }

    /// Delivers dead letters that a person asked to retry.
    async fn redeliver<H>(
        &mut self,
        cancel: &CancellationToken,
        handle: &mut H,
    ) -> Result<(), StorageError>
    where
        H: AsyncFnMut(&[Arc<Envelope>]) -> Result<usize, DeliveryError>,
    {
        for Retry { letter, envelope } in self.bus.dead_letters.to_retry(&self.name).await? {
            if cancel.is_cancelled() {
                break;
            }
            let outcome = handle(&[Arc::new(envelope)]).await;
            if matches!(outcome, Ok(0)) {
                break;
            }
            let error = outcome.err().map(|error| chain(&error));
            self.bus
                .dead_letters
                .retried(&self.bus, letter, error)
                .await
                .or_else(stored_later)?;
        }
        Ok(())
    }

    async fn advance(&mut self, seq: u64) -> Result<(), StorageError> {
        self.state.cursor.store(seq, Ordering::Release);
        if seq.saturating_sub(self.saved) >= SAVE_EVERY {
            return self.save().await;
        }
        Ok(())
    }

    async fn save_unless_saved(&mut self) -> Result<(), StorageError> {
        if self.cursor() != self.saved {
            return self.save().await;
        }
        Ok(())
    }

    /// Stores the place. A storage that does not work now is passed over: the next call stores a later place.
    async fn save(&mut self) -> Result<(), StorageError> {
        let cursor = self.cursor();
        let place = Place {
            name: self.name.clone(),
            cursor,
        };
        match self.bus.consumers.places.save(&place).await {
            Ok(()) => {
                self.saved = cursor;
                self.handled = false;
            }
            Err(error) if error.is_transient() => {
                warn!(consumer = self.name, error = %chain(&error), "place not stored, trying again later");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn cursor(&self) -> u64 {
        self.state.cursor.load(Ordering::Acquire)
    }
}

fn next_delay(error: &DeliveryError, backoff: &mut Backoff) -> Option<Duration> {
    match error.retry {
        RetryAfter::Never => None,
        RetryAfter::Backoff => backoff.next_delay(),
        RetryAfter::AtLeast(least) => backoff.next_delay().map(|delay| delay.max(least)),
    }
}

/// A bus that closes has no place for dead letters; the event stays before the consumer's place and comes again.
fn stored_later(error: PublishError) -> Result<(), StorageError> {
    Err(match error {
        PublishError::Closed => StorageError::Closed,
        other => StorageError::Unavailable {
            operation: "storing a dead letter".into(),
            source: other.into(),
        },
    })
}

/// Waits; false when cancelled.
async fn wait(delay: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = cancel.cancelled() => false,
        () = tokio::time::sleep(delay) => true,
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.bus.consumers.detach(&self.name, &self.state);
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name)
            .field("cursor", &self.cursor())
            .finish_non_exhaustive()
    }
}
