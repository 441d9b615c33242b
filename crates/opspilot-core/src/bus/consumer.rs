//! Named consumers of the incident plane.

mod failing;
mod place;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::failing::{stored_later, wait};
use super::Inner;
use super::consumers::{Attached, Place};
use super::dead_letter::{DeadLetter, Retry};
use super::delivery::{DeliveryError, DeliveryPolicy};
use crate::error::chain;
use crate::event::Envelope;
use crate::health::HealthReporter;
use crate::resilience::Backoff;
use crate::storage::StorageError;

/// How many events a consumer takes from the journal at once.
const PAGE: usize = 256;

/// After how many events, at the latest, a consumer's place is stored while it is busy.
const SAVE_EVERY: u64 = 256;

/// How long an idle consumer waits before it tries again to store its place.
const SAVE_AGAIN: Duration = Duration::from_secs(1);

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
    head: watch::Receiver<u64>,
    /// The events at hand: those of one page of the journal that are of the consumer's types, or one dead letter.
    page: Vec<Arc<Envelope>>,
    /// How many of them are handled.
    done: usize,
    /// The place behind the page.
    page_end: u64,
    /// The dead letter at hand, if it is one.
    letter: Option<DeadLetter>,
    letters: VecDeque<Retry>,
    /// True if dead letters may wait to be tried again.
    has_letters: bool,
    attempts: Option<Attempts>,
}

/// The attempts at the first event at hand.
struct Attempts {
    backoff: Backoff,
    started: Instant,
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
            head: bus.journal.watch(),
            cause: format!("delivery by {name}"),
            bus,
            name,
            kinds,
            state,
            health,
            policy,
            saved: cursor,
            handled: false,
            page: Vec::new(),
            done: 0,
            page_end: cursor,
            letter: None,
            letters: VecDeque::new(),
            has_letters: true,
            attempts: None,
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
        loop {
            let Some(first) = self.next(cancel).await?.and_then(<[_]>::first) else {
                return Ok(());
            };
            let outcome = handle(first).await.map(|()| 1);
            self.settle(outcome, cancel).await?;
        }
    }

    /// The events that wait, in order and never empty; `None` once `cancel` came. They stay at hand until
    /// [`Consumer::settle`] is told what became of them.
    ///
    /// # Errors
    /// When the storage refuses for good; faults that may pass are waited out.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(
        &mut self,
        cancel: &CancellationToken,
    ) -> Result<Option<&[Arc<Envelope>]>, StorageError> {
        while self.done >= self.page.len() && !cancel.is_cancelled() {
            self.fill(cancel).await?;
        }
        if cancel.is_cancelled() {
            self.save_unless_saved().await?;
            return Ok(None);
        }
        Ok(self.page.get(self.done..))
    }

    /// Takes down how many of the events at hand were handled, from the first on, or why the first was not.
    ///
    /// After a failure that may pass it waits; then [`Consumer::next`] gives the same events again. After another one the
    /// first is a dead letter.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    ///
    /// # Cancel safety
    /// Dropping the future may repeat events.
    pub async fn settle(
        &mut self,
        outcome: Result<usize, DeliveryError>,
        cancel: &CancellationToken,
    ) -> Result<(), StorageError> {
        if matches!(outcome, Ok(0)) {
            return Ok(());
        }
        if let Some(letter) = self.letter.take() {
            self.page.clear();
            let error = outcome.err().map(|error| chain(&error));
            let retried = self.bus.dead_letters.retried(&self.bus, letter, error);
            return retried.await.or_else(stored_later);
        }
        match outcome {
            Ok(handled) => self.handled(handled).await,
            Err(error) => self.failed(&error, cancel).await,
        }
    }

    /// Gets the next events, or waits for some.
    async fn fill(&mut self, cancel: &CancellationToken) -> Result<(), StorageError> {
        self.head.mark_unchanged();
        let page = self.read(cancel).await?;
        if let Some(last) = page.last() {
            self.page_end = last.seq;
            let wanted = |envelope: &Arc<Envelope>| self.kinds.contains(&envelope.kind());
            self.page = page.into_iter().filter(wanted).collect();
            self.done = 0;
            if self.page.is_empty() {
                return self.advance(self.page_end).await;
            }
            return Ok(());
        }
        if std::mem::take(&mut self.has_letters) {
            self.letters = self.bus.dead_letters.to_retry(&self.name).await?.into();
        }
        if let Some(Retry { letter, envelope }) = self.letters.pop_front() {
            self.page = vec![Arc::new(envelope)];
            self.done = 0;
            self.letter = Some(letter);
            return Ok(());
        }
        self.idle(cancel).await
    }

    /// Waits for something to do, and stores the place meanwhile.
    async fn idle(&mut self, cancel: &CancellationToken) -> Result<(), StorageError> {
        let state = Arc::clone(&self.state);
        let mut head = self.head.clone();
        let is_unsaved = self.handled;
        // An event that comes while the place is being stored does not wait for that; a later place is stored then.
        let save = async {
            self.save().await?;
            if self.handled {
                tokio::time::sleep(SAVE_AGAIN).await;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Ok(()),
            () = state.wake.notified() => {
                self.has_letters = true;
                Ok(())
            }
            changed = head.changed() => changed.map_err(|_| StorageError::Closed),
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

    fn cursor(&self) -> u64 {
        self.state.cursor.load(Ordering::Acquire)
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
