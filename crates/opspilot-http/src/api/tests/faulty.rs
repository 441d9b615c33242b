//! A memory storage whose reads can be made to fail, hang or panic.

use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use opspilot_core::storage::{
    Definition, Document, MemoryStorage, Page, Query, Storage, StorageError, WriteBatch,
};
use tokio::sync::Notify;

/// How reads go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Unavailable,
    Corrupt,
    /// Until another fault is set.
    Hang,
    Panic,
}

#[derive(Debug, Default)]
pub(super) struct FaultyStorage {
    inner: MemoryStorage,
    fault: AtomicU8,
    changed: Notify,
}

impl FaultyStorage {
    pub(super) fn set(&self, fault: Option<Fault>) {
        self.fault
            .store(fault.map_or(0, |fault| fault as u8 + 1), Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    async fn pass(&self) -> Result<(), StorageError> {
        let fault = self.fault.load(Ordering::SeqCst);
        let is = |one: Fault| fault == one as u8 + 1;
        if is(Fault::Unavailable) {
            let source = std::io::Error::other("secret /var/lib/opspilot.db");
            return Err(StorageError::Unavailable {
                operation: "reading".into(),
                source: source.into(),
            });
        }
        if is(Fault::Corrupt) {
            return Err(StorageError::Corrupt {
                what: "secret".into(),
                detail: "bad".into(),
            });
        }
        if is(Fault::Hang) {
            self.changed.notified().await;
        }
        assert!(!is(Fault::Panic), "secret panic");
        Ok(())
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
        self.pass().await?;
        self.inner.get(collection, key).await
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        self.pass().await?;
        self.inner.query(collection, query).await
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        self.inner.count(collection).await
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        self.inner.apply(batch).await
    }
}
