//! A storage that counts its commits, and refuses some.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;

use crate::storage::{
    Definition, Document, MemoryStorage, Page, Query, Storage, StorageError, WriteBatch,
};

#[derive(Debug, Default)]
pub(super) struct Counting {
    inner: MemoryStorage,
    commits: AtomicU64,
    refusing: AtomicBool,
}

impl Counting {
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Refuses every commit until told otherwise, as a storage does that is damaged.
    pub(super) fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, Ordering::SeqCst);
    }
}

#[async_trait]
impl Storage for Counting {
    fn engine(&self) -> &'static str {
        "counting"
    }

    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        self.inner.define(collection, definition).await
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        self.inner.get(collection, key).await
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        self.inner.query(collection, query).await
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        self.inner.count(collection).await
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        if self.refusing.load(Ordering::SeqCst) {
            return Err(StorageError::Closed);
        }
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.apply(batch).await
    }
}
