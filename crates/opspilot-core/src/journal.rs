//! The journal: every event of the incident plane, in one order.
//!
//! An event is written in the transaction that made it true. Consumers read from their own place; the newest events
//! are kept in memory, so a consumer that keeps up never touches the storage.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tracing::error;

use crate::error::chain;
use crate::event::Envelope;
use crate::storage::{Cursor, Definition, Query, SharedStorage, StorageError, WriteBatch};

const COLLECTION: &str = "system::journal";

/// How many events are kept in memory for consumers that keep up.
const RECENT: usize = 4_096;

/// How many events stay stored although every consumer has seen them; they keep the numbering over restarts.
const KEPT: u64 = 1_000;

/// The journal of a process; shared by the ledger, which writes, and the consumers.
#[derive(Debug)]
pub struct Journal {
    storage: SharedStorage,
    recent: Mutex<VecDeque<Arc<Envelope>>>,
    head: watch::Sender<u64>,
    trimmed: Mutex<u64>,
}

impl Journal {
    /// Opens the journal in `storage` and finds its end.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(storage: SharedStorage) -> Result<Self, StorageError> {
        storage.define(COLLECTION, Definition::UNINDEXED).await?;
        let last = storage
            .query(COLLECTION, &Query::by_key(1).descending())
            .await?;
        let first = storage.query(COLLECTION, &Query::by_key(1)).await?;
        let seq_of =
            |page: &crate::storage::Page| page.documents.first().map(|found| seq(&found.key));
        let (head, _) = watch::channel(seq_of(&last).unwrap_or(0));
        let trimmed = seq_of(&first).map_or(0, |first| first.saturating_sub(1));
        Ok(Self {
            storage,
            recent: Mutex::default(),
            head,
            trimmed: Mutex::new(trimmed),
        })
    }

    /// The number of the newest event; 0 when there is none.
    #[must_use]
    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// Follows [`Journal::head`].
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Adds the row of `envelope` to `batch`.
    pub(crate) fn write(batch: &mut WriteBatch, envelope: &Envelope) {
        batch.put(
            COLLECTION,
            key(envelope.seq),
            Arc::clone(envelope.json()),
            Vec::new(),
        );
    }

    /// Shows consumers events that were just committed, in order.
    pub(crate) fn committed(&self, envelopes: Vec<Arc<Envelope>>) {
        let Some(head) = envelopes.last().map(|envelope| envelope.seq) else {
            return;
        };
        let mut recent = self.lock();
        recent.extend(envelopes);
        let excess = recent.len().saturating_sub(RECENT);
        recent.drain(..excess);
        drop(recent);
        self.head.send_replace(head);
    }

    /// Up to `limit` events behind number `after`, oldest first; empty when there are none yet. A damaged event is
    /// logged and left out.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn read(&self, after: u64, limit: usize) -> Result<Vec<Arc<Envelope>>, StorageError> {
        if let Some(found) = self.read_recent(after, limit) {
            return Ok(found);
        }
        let cursor = Cursor {
            sort: 0,
            key: key(after),
        };
        let page = self
            .storage
            .query(COLLECTION, &Query::by_key(limit).after(Some(cursor)))
            .await?;
        let parse = |document: &crate::storage::Document| {
            Envelope::parse(seq(&document.key), &document.json)
                .inspect_err(|damage| error!(seq = document.key, error = %chain(damage), "journal event is damaged"))
                .ok()
        };
        Ok(page
            .documents
            .iter()
            .filter_map(parse)
            .map(Arc::new)
            .collect())
    }

    /// The events in memory behind `after`, if none between is missing there.
    fn read_recent(&self, after: u64, limit: usize) -> Option<Vec<Arc<Envelope>>> {
        if after >= self.head() {
            return Some(Vec::new());
        }
        let recent = self.lock();
        recent.front().filter(|oldest| oldest.seq <= after + 1)?;
        let start = recent.partition_point(|envelope| envelope.seq <= after);
        Some(recent.iter().skip(start).take(limit).cloned().collect())
    }

    /// Adds to `batch` the removal of what every consumer has seen (up to number `seen`) and of whatever exceeds
    /// `limit` events. Returns up to which number events are gone.
    pub(crate) fn trim(&self, batch: &mut WriteBatch, seen: u64, limit: u64) -> u64 {
        let head = self.head();
        let target = seen
            .min(head.saturating_sub(KEPT))
            .max(head.saturating_sub(limit));
        let mut trimmed = self.trimmed.lock().unwrap_or_else(PoisonError::into_inner);
        if target > *trimmed {
            batch.delete_range(COLLECTION, key(*trimmed), Some(key(target + 1)));
            *trimmed = target;
        }
        *trimmed
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Envelope>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(seq: u64) -> String {
    format!("{seq:016x}")
}

fn seq(key: &str) -> u64 {
    u64::from_str_radix(key, 16).unwrap_or(0)
}
