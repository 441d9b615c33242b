//! A storage that dies with its process after some writes; for tests of crashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use opspilot_core::storage::{
    Definition, Document, MemoryStorage, Page, Query, Storage, StorageError, WriteBatch,
};

/// Refuses every write after `left` of them, as if the process had ended in between.
#[derive(Debug)]
pub(crate) struct Dying {
    memory: Arc<MemoryStorage>,
    left: AtomicUsize,
}

impl Dying {
    pub(crate) fn after(memory: &Arc<MemoryStorage>, writes: usize) -> Arc<Self> {
        Arc::new(Self {
            memory: Arc::clone(memory),
            left: writes.into(),
        })
    }

    /// How many writes it would still take.
    pub(crate) fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Storage for Dying {
    fn engine(&self) -> &'static str {
        "dying"
    }

    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        self.memory.define(collection, definition).await
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        self.memory.get(collection, key).await
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        self.memory.query(collection, query).await
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        self.memory.count(collection).await
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let less = |left: usize| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        {
            Ok(_) => self.memory.apply(batch).await,
            Err(_) => Err(StorageError::Closed),
        }
    }
}
