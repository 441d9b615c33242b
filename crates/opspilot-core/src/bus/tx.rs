//! The transaction that a group of events is stored in.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::publication::Draft;
use crate::clock::Timestamp;
use crate::error::chain;
use crate::event::Event;
use crate::resilience::BackoffPolicy;
use crate::storage::{Collection, Document, Expect, Record, StorageError, Write, WriteBatch};

/// How often a read that failed is repeated: until the storage works again or the bus closes.
pub(super) const RETRY: BackoffPolicy =
    BackoffPolicy::endless(Duration::from_millis(20), Duration::from_secs(2));

/// How deep events may lead to events before the chain is cut.
pub(super) const MAX_DEPTH: u8 = 8;

/// Writes and further events that are stored together with the events at hand.
///
/// The ledger runs one transaction at a time, so what a transaction reads cannot change before it is stored.
#[derive(Debug)]
pub struct Tx {
    cancel: CancellationToken,
    now: Timestamp,
    batch: WriteBatch,
    written: HashMap<(String, String), usize>,
    cleared: Vec<(String, Range<String>)>,
    emitted: Vec<Draft>,
    pub(super) source: Arc<str>,
    pub(super) depth: u8,
}

impl Tx {
    pub(super) fn new(cancel: CancellationToken, now: Timestamp) -> Self {
        Self {
            cancel,
            now,
            batch: WriteBatch::default(),
            written: HashMap::new(),
            cleared: Vec::new(),
            emitted: Vec::new(),
            source: Arc::default(),
            depth: 0,
        }
    }

    /// The time of the transaction.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The value under `key`, with what this transaction wrote. Faults of the storage that may pass are waited out.
    ///
    /// # Errors
    /// When the document is damaged, or the bus closes while the storage is out of reach.
    pub async fn get<R: Record>(
        &mut self,
        collection: &Collection<R>,
        key: &str,
    ) -> Result<Option<R>, StorageError> {
        let place = (collection.name().to_owned(), key.to_owned());
        match self
            .written
            .get(&place)
            .and_then(|index| self.batch.writes().get(*index))
        {
            Some(Write::Put { json, key, .. }) => {
                let document = Document {
                    key: key.clone(),
                    version: 0,
                    json: Arc::clone(json),
                };
                collection.decode(&document).map(Some)
            }
            Some(_) => Ok(None),
            None if self.is_cleared(&place) => Ok(None),
            None => self.get_stored(collection, key).await,
        }
    }

    async fn get_stored<R: Record>(
        &self,
        collection: &Collection<R>,
        key: &str,
    ) -> Result<Option<R>, StorageError> {
        let mut backoff = RETRY.start();
        loop {
            match collection.get(key).await {
                Ok(found) => return Ok(found.map(|(value, _)| value)),
                Err(error) if error.is_transient() && !self.cancel.is_cancelled() => {
                    warn!(collection = collection.name(), error = %chain(&error), "storage read failed, trying again");
                    let delay = backoff.next_delay().unwrap_or(Duration::from_secs(1));
                    tokio::select! {
                        () = self.cancel.cancelled() => return Err(error),
                        () = tokio::time::sleep(delay) => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Stores `value`.
    ///
    /// # Errors
    /// When `value` has no JSON form.
    pub fn put<R: Record>(
        &mut self,
        collection: &Collection<R>,
        value: &R,
    ) -> Result<(), StorageError> {
        let write = collection.put(value, Expect::Any)?;
        self.write(collection.name(), value.key(), write);
        Ok(())
    }

    /// Removes the value under `key`.
    pub fn delete<R: Record>(&mut self, collection: &Collection<R>, key: &str) {
        self.write(collection.name(), key.to_owned(), collection.delete(key));
    }

    /// Removes every document of `collection` whose key lies in `keys`.
    pub(crate) fn delete_range(&mut self, collection: &str, keys: Range<String>) {
        self.written
            .retain(|(place, key), _| place != collection || !keys.contains(key));
        self.batch
            .delete_range(collection, keys.start.clone(), Some(keys.end.clone()));
        self.cleared.push((collection.to_owned(), keys));
    }

    fn is_cleared(&self, (collection, key): &(String, String)) -> bool {
        self.cleared
            .iter()
            .any(|(place, keys)| place == collection && keys.contains(key))
    }

    /// Publishes a further event in the same transaction, behind the events at hand.
    pub fn emit<E: Event>(&mut self, event: E) {
        let source = Arc::clone(&self.source);
        self.emitted.push(Draft {
            event: Box::new(event),
            source,
            position: None,
            depth: self.depth + 1,
        });
    }

    fn write(&mut self, collection: &str, key: String, write: Write) {
        let place = (collection.to_owned(), key);
        if let Some(index) = self.written.get(&place) {
            self.batch.replace(*index, write);
            return;
        }
        self.written.insert(place, self.batch.len());
        self.batch.push(write);
    }

    pub(super) fn append(&mut self, writes: WriteBatch) {
        self.batch.append(writes);
    }

    pub(super) fn take_emitted(&mut self) -> Vec<Draft> {
        std::mem::take(&mut self.emitted)
    }

    pub(super) fn into_batch(self) -> WriteBatch {
        self.batch
    }
}
