//! Tells the core's health when the storage cannot be written, whoever writes.

use async_trait::async_trait;

use super::{Definition, Document, Page, Query, SharedStorage, Storage, StorageError, WriteBatch};
use crate::error::chain;
use crate::health::{HealthReporter, HealthStatus};

/// The reason under which the health is told.
const CAUSE: &str = "writing";

/// A storage whose failed writes show in a health until one succeeds.
#[derive(Debug)]
pub(crate) struct WatchedStorage {
    inner: SharedStorage,
    health: HealthReporter,
}

impl WatchedStorage {
    /// Watches the writes of `inner`.
    pub(crate) const fn new(inner: SharedStorage, health: HealthReporter) -> Self {
        Self { inner, health }
    }
}

#[async_trait]
impl Storage for WatchedStorage {
    fn engine(&self) -> &'static str {
        self.inner.engine()
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
        let outcome = self.inner.apply(batch).await;
        match &outcome {
            Ok(()) => self.health.clear(CAUSE),
            Err(error) if error.is_transient() => {
                let message = format!("the storage cannot be written: {}", chain(error));
                self.health.raise(CAUSE, HealthStatus::Unhealthy, message);
            }
            // A conflict or a document that does not fit says nothing about the storage.
            Err(_) => {}
        }
        outcome
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.inner.close().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::storage::MemoryStorage;
    use crate::storage::conformance::{self, Subject};

    struct Watched;

    #[async_trait]
    impl Subject for Watched {
        async fn fresh(&self) -> SharedStorage {
            let (health, _) = HealthReporter::new(Arc::new(SystemClock));
            Arc::new(WatchedStorage::new(Arc::new(MemoryStorage::new()), health))
        }
    }

    #[tokio::test]
    async fn a_watched_storage_passes_the_conformance_suite() {
        conformance::check(&Watched).await;
    }
}
