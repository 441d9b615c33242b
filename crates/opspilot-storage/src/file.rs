//! stub
use crate::{Durability, OpenError};
use async_trait::async_trait;
use opspilot_core::storage::*;
use std::path::Path;
#[derive(Debug)]
pub(crate) struct FileStorage(MemoryStorage);
impl FileStorage {
    pub(crate) async fn open(_: &Path, _: Durability) -> Result<Self, OpenError> {
        Ok(Self(MemoryStorage::new()))
    }
}
#[async_trait]
impl Storage for FileStorage {
    fn engine(&self) -> &'static str {
        "file"
    }
    async fn define(&self, a: &str, b: Definition) -> Result<(), StorageError> {
        self.0.define(a, b).await
    }
    async fn get(&self, a: &str, b: &str) -> Result<Option<Document>, StorageError> {
        self.0.get(a, b).await
    }
    async fn query(&self, a: &str, b: &Query) -> Result<Page, StorageError> {
        self.0.query(a, b).await
    }
    async fn count(&self, a: &str) -> Result<u64, StorageError> {
        self.0.count(a).await
    }
    async fn apply(&self, a: WriteBatch) -> Result<(), StorageError> {
        self.0.apply(a).await
    }
}
