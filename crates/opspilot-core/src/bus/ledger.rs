//! The ledger: the one task that gives events their order and stores them.
//!
//! It takes what is queued as one group, runs the stages, and stores events, stage writes and lane marks in one
//! transaction. While the storage works on one group the next one gathers, and a busy storage is given a moment for the
//! next one to grow, so groups grow with the load and a single event waits for nobody.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::lanes::Lanes;
use super::pace::Pace;
use super::publication::Draft;
use super::submission::Submission;
use super::tx::{MAX_DEPTH, RETRY, Tx};
use super::{Inner, PublishError};
use crate::error::chain;
use crate::event::{Envelope, EventId, Header};
use crate::health::HealthStatus;
use crate::journal::Journal;
use crate::storage::{StorageError, WriteBatch};

/// The most submissions and events that are stored as one group.
const GROUP: usize = 1_024;

/// After how many events the journal is trimmed.
const TRIM_EVERY: u64 = 512;

/// How many events the journal keeps for a consumer that does not keep up.
const JOURNAL_LIMIT: u64 = 100_000;

pub(super) struct Ledger {
    pub(super) bus: Arc<Inner>,
    pub(super) queue: mpsc::Receiver<Submission>,
    pub(super) lanes: Lanes,
    /// Ends the queue: what is in it is still stored.
    pub(super) closing: CancellationToken,
    /// Ends waiting for a storage that does not work.
    pub(super) abandon: CancellationToken,
    pub(super) untrimmed: u64,
    pub(super) pace: Pace,
}

impl Ledger {
    pub(super) async fn run(mut self) {
        while let Some(group) = self.next_group().await {
            let (started, submissions) = (Instant::now(), group.len());
            self.commit(group).await;
            self.pace.committed(submissions, started, Instant::now());
        }
    }

    async fn next_group(&mut self) -> Option<Vec<Submission>> {
        let first = tokio::select! {
            biased;
            first = self.queue.recv() => first?,
            () = self.closing.cancelled() => {
                self.queue.close();
                self.queue.recv().await?
            }
        };
        let mut group = vec![first];
        if self.fill(&mut group) {
            self.wait_for_company().await;
            self.fill(&mut group);
        }
        Some(group)
    }

    /// Adds what is queued; true if there is room for more.
    fn fill(&mut self, group: &mut Vec<Submission>) -> bool {
        let count = |submission: &Submission| submission.publication.drafts.len();
        let mut events: usize = group.iter().map(count).sum();
        while group.len() < GROUP && events < GROUP {
            let Ok(next) = self.queue.try_recv() else {
                return true;
            };
            events += count(&next);
            group.push(next);
        }
        false
    }

    /// Lets more events come while the storage is busy.
    async fn wait_for_company(&self) {
        let Some(pause) = self.pace.pause(Instant::now()) else {
            return;
        };
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn commit(&mut self, mut group: Vec<Submission>) {
        let bus = Arc::clone(&self.bus);
        let now = bus.clock.now();
        let mut tx = Tx::new(self.abandon.clone(), now);
        let result = match self.gather(&mut group, &mut tx).await {
            Ok(drafts) => {
                let drafts = self.process(drafts, &mut tx).await;
                self.store(drafts, tx).await
            }
            Err(error) => Err(error),
        };
        let result = result.map_err(|error| {
            error!(error = %chain(&error), events = group.len(), "events could not be stored");
            self.lanes.reload();
            PublishError::Storage(Arc::new(error))
        });
        for submission in group {
            submission.finish(result.clone());
        }
    }

    /// Runs the group's own work and collects its events, without those that were published before.
    async fn gather(
        &mut self,
        group: &mut [Submission],
        tx: &mut Tx,
    ) -> Result<VecDeque<Draft>, StorageError> {
        let mut all = VecDeque::new();
        for submission in group {
            if let Some(work) = &mut submission.work {
                tx.source = Arc::clone(&submission.source);
                tx.depth = 0;
                work.run(tx).await;
                all.extend(tx.take_emitted());
            }
            if let Some(stream) = submission.forget.take() {
                self.lanes.forget(&stream, tx);
            }
            let mut drafts = std::mem::take(&mut submission.publication.drafts);
            if let Some(origin) = &submission.publication.origin {
                let dropped = self
                    .lanes
                    .admit(&submission.source, origin, &mut drafts, tx)
                    .await?;
                self.bus.metrics.repeated.inc_by(dropped);
            }
            all.extend(drafts);
        }
        Ok(all)
    }

    /// Runs the stages, run by run of equal type, until no stage emits any more.
    async fn process(&mut self, mut drafts: VecDeque<Draft>, tx: &mut Tx) -> Vec<Draft> {
        let bus = Arc::clone(&self.bus);
        let mut stages = bus.stages.lock().await;
        let mut passed = Vec::with_capacity(drafts.len());
        while let Some(first) = drafts.pop_front() {
            let kind = first.event.kind();
            let mut run = vec![first];
            while drafts.front().is_some_and(|next| next.event.kind() == kind)
                && let Some(next) = drafts.pop_front()
            {
                run.push(next);
            }
            passed.extend(stages.process(kind, run, tx).await);
            drafts.extend(tx.take_emitted().into_iter().filter(within_depth));
        }
        passed
    }

    async fn store(&mut self, drafts: Vec<Draft>, mut tx: Tx) -> Result<(), StorageError> {
        let mut rows = WriteBatch::default();
        let envelopes = self.seal(drafts, tx.now(), &mut rows);
        self.trim(envelopes.len() as u64, &mut rows);
        tx.append(rows);
        let batch = tx.into_batch();
        let spans: Vec<_> = envelopes.iter().map(|event| event.storing()).collect();
        if !batch.is_empty() {
            self.apply(batch).await?;
        }
        drop(spans);
        self.bus.metrics.stored.inc_by(envelopes.len() as u64);
        self.bus.journal.committed(envelopes);
        Ok(())
    }

    fn seal(
        &self,
        drafts: Vec<Draft>,
        now: crate::clock::Timestamp,
        rows: &mut WriteBatch,
    ) -> Vec<Arc<Envelope>> {
        let mut seq = self.bus.journal.head();
        let mut envelopes = Vec::with_capacity(drafts.len());
        let mut scratch = Vec::new();
        for Draft { event, source, .. } in drafts {
            let kind = event.kind();
            let correlation_id = event.correlation_id();
            let header = Header {
                id: EventId::generate(now),
                source,
                timestamp: now,
                correlation_id,
            };
            match event.seal(seq + 1, header, &mut scratch) {
                Ok(envelope) => {
                    seq += 1;
                    Journal::write(rows, &envelope);
                    envelopes.push(Arc::new(envelope));
                }
                Err(error) => {
                    error!(event = kind, error = %chain(&error), "event has no JSON form");
                }
            }
        }
        envelopes
    }

    /// Writes until it succeeds; gives up on faults that do not pass, and when the bus is abandoned.
    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut backoff = RETRY.start();
        loop {
            match self.bus.storage.apply(batch.clone()).await {
                Ok(()) => {
                    self.bus.health.clear("storage");
                    return Ok(());
                }
                Err(error) if error.is_transient() && !self.abandon.is_cancelled() => {
                    let message = format!("cannot store events, trying again: {}", chain(&error));
                    warn!(error = %chain(&error), "storage write failed, trying again");
                    self.bus
                        .health
                        .raise("storage", HealthStatus::Unhealthy, message);
                    self.pause(backoff.next_delay()).await;
                }
                Err(error) => {
                    let message = format!("cannot store events: {}", chain(&error));
                    self.bus
                        .health
                        .raise("storage", HealthStatus::Unhealthy, message);
                    return Err(error);
                }
            }
        }
    }

    async fn pause(&self, delay: Option<Duration>) {
        tokio::select! {
            () = self.abandon.cancelled() => {}
            () = tokio::time::sleep(delay.unwrap_or(Duration::from_secs(1))) => {}
        }
    }

    fn trim(&mut self, events: u64, rows: &mut WriteBatch) {
        self.untrimmed += events;
        if self.untrimmed >= TRIM_EVERY {
            self.untrimmed = 0;
            let seen = self.bus.consumers.slowest().unwrap_or(u64::MAX);
            let gone = self.bus.journal.trim(rows, seen, JOURNAL_LIMIT);
            if gone > seen {
                self.bus.metrics.shed.inc_by(gone - seen);
            }
        }
    }
}

fn within_depth(draft: &Draft) -> bool {
    let fits = draft.depth <= MAX_DEPTH;
    if !fits {
        error!(
            event = draft.event.kind(),
            "events lead to events without end, the chain was cut"
        );
    }
    fits
}
