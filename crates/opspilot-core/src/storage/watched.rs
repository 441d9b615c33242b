//! Tells the core's health when the storage cannot be written, whoever writes, and measures how long it takes.

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Definition, Document, Page, Query, SharedStorage, Storage, StorageError, WriteBatch};
use crate::error::chain;
use crate::health::{HealthReporter, HealthStatus};
use crate::metrics::{Histogram, MetricSpec, Metrics};

/// The reason under which the health is told.
const CAUSE: &str = "writing";

const DURATION: MetricSpec = MetricSpec::histogram(
    "opspilot_storage_duration_seconds",
    &["operation"],
    "How long the storage took, by operation: read or write.",
);

/// The metrics of the storage.
pub const METRICS: &[MetricSpec] = &[DURATION];

/// A storage whose failed writes show in a health until one succeeds.
#[derive(Debug)]
pub(crate) struct WatchedStorage {
    inner: SharedStorage,
    health: HealthReporter,
    reads: Histogram,
    writes: Histogram,
}

impl WatchedStorage {
    /// Watches `inner`.
    pub(crate) fn new(inner: SharedStorage, health: HealthReporter, metrics: &Metrics) -> Self {
        let duration = |operation| metrics.histogram(&DURATION, &[("operation", operation)]);
        Self {
            inner,
            health,
            reads: duration("read"),
            writes: duration("write"),
        }
    }
}

/// Measures how long `work` takes; what is given up is not counted.
async fn timed<T>(histogram: &Histogram, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let outcome = work.await;
    histogram.observe(started.elapsed().as_secs_f64());
    outcome
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
        timed(&self.reads, self.inner.get(collection, key)).await
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        timed(&self.reads, self.inner.query(collection, query)).await
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        timed(&self.reads, self.inner.count(collection)).await
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let outcome = timed(&self.writes, self.inner.apply(batch)).await;
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
            let inner = Arc::new(MemoryStorage::new());
            Arc::new(WatchedStorage::new(inner, health, &Metrics::default()))
        }
    }

    #[tokio::test]
    async fn a_watched_storage_passes_the_conformance_suite() {
        conformance::check(&Watched).await;
    }
}
