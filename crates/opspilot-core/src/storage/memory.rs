//! The engine that keeps everything in memory: for tests, benchmarks and `storage.engine: memory`.

mod merge;
mod table;
mod tables;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

pub use tables::Tables;

use super::{Definition, Document, Page, Query, Storage, StorageError, WriteBatch};

/// An engine whose documents end with the process.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    tables: RwLock<Tables>,
}

impl MemoryStorage {
    /// An engine without documents.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A panic cannot leave the tables half written: `Tables::write` does not fail after `Tables::check`.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    fn engine(&self) -> &'static str {
        "memory"
    }

    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        self.write().define(collection, definition)
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        self.read().get(collection, key)
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        self.read().query(collection, query)
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        self.read().count(collection)
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut tables = self.write();
        tables.check(&batch)?;
        tables.write(batch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::conformance::{self, Subject};
    use crate::storage::{Expect, IndexEntry, IndexSpec, SharedStorage, Write};

    struct Memory;

    #[async_trait]
    impl Subject for Memory {
        async fn fresh(&self) -> SharedStorage {
            Arc::new(MemoryStorage::new())
        }
    }

    #[tokio::test]
    async fn memory_passes_the_conformance_suite() {
        conformance::check(&Memory).await;
    }

    #[tokio::test]
    async fn a_write_that_does_not_fit_is_refused_whole() {
        const INDEX: &[IndexSpec] = &[IndexSpec {
            name: "time",
            prefix: 1,
        }];
        let storage = MemoryStorage::new();
        storage
            .define(
                "a::b",
                Definition {
                    indexes: INDEX,
                    entries: |_| Ok(vec![None]),
                },
            )
            .await
            .expect("defines");
        for index in [
            vec![],
            vec![None, None],
            vec![Some(IndexEntry {
                prefix: Vec::new(),
                sort: 1,
            })],
        ] {
            let mut batch = WriteBatch::default();
            batch.put("a::b", "first", "1", vec![None]);
            batch.push(Write::Put {
                collection: "a::b".into(),
                key: "second".into(),
                json: "2".into(),
                index,
                expect: Expect::Any,
            });
            let error = storage.apply(batch).await.expect_err("refused");
            assert!(matches!(error, StorageError::Shape { .. }), "{error}");
        }
        assert_eq!(storage.count("a::b").await.expect("counts"), 0);
    }
}
