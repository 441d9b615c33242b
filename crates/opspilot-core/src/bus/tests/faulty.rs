//! A storage whose writes can be made to fail.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;

use crate::storage::{
    Definition, Document, MemoryStorage, Page, Query, Storage, StorageError, WriteBatch,
};

#[derive(Debug, Default)]
pub(super) struct FaultyStorage {
    inner: MemoryStorage,
    failing: AtomicBool,
    refused: AtomicU64,
}

impl FaultyStorage {
    pub(super) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Storage for FaultyStorage {
    fn engine(&self) -> &'static str {
        "faulty"
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
        if self.failing.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
            return Err(StorageError::Unavailable {
                operation: "writing".into(),
                source,
            });
        }
        self.inner.apply(batch).await
    }
}
