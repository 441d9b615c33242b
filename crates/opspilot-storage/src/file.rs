//! Documents in memory, and every write in a log: for small installations without a database.
//!
//! The log is replayed at start. Indexes are not in it: they are built when a collection is defined.

mod format;
mod log;
mod writer;

use std::path::Path;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use opspilot_core::storage::{
    Definition, Document, Page, Query, Storage, StorageError, WriteBatch,
};

use crate::group::Queue;
use crate::lock::{ProcessLock, create_private_directory, unavailable};
use crate::open::OpenError;
use log::Log;
use opspilot_core::config::Durability;
use writer::{Shared, Writer, read};

const FILE: &str = "opspilot.log";

/// The engine `file`.
#[derive(Debug)]
pub(crate) struct FileStorage {
    tables: Shared,
    queue: Queue,
}

impl FileStorage {
    /// Opens the log in `directory`, or creates it, and replays it.
    pub(crate) async fn open(directory: &Path, durability: Durability) -> Result<Self, OpenError> {
        let directory = directory.to_owned();
        let opened =
            tokio::task::spawn_blocking(move || Self::open_blocking(&directory, durability)).await;
        opened.map_err(|error| unavailable("replaying the log".into(), error.into()))?
    }

    fn open_blocking(directory: &Path, durability: Durability) -> Result<Self, OpenError> {
        create_private_directory(directory)?;
        let path = directory.join(FILE);
        let lock = ProcessLock::acquire(&path)?;
        let (log, tables) = Log::open(&path, durability)?;
        let tables: Shared = Arc::new(RwLock::new(Some(tables)));
        let (queue, receiver) = Queue::new();
        let writer = Writer {
            log,
            tables: Arc::clone(&tables),
            receiver,
            lock,
        };
        let thread = std::thread::Builder::new()
            .name("opspilot-log".into())
            .spawn(move || writer.run());
        // The thread ends with the storage: when it is closed or dropped, its queue ends.
        drop(
            thread
                .map_err(|source| unavailable("starting the writer of the log".into(), source))?,
        );
        Ok(Self { tables, queue })
    }
}

#[async_trait]
impl Storage for FileStorage {
    fn engine(&self) -> &'static str {
        "file"
    }

    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        self.queue.define(collection, definition).await
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        read(&self.tables, |tables| tables.get(collection, key))
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        read(&self.tables, |tables| tables.query(collection, query))
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        read(&self.tables, |tables| tables.count(collection))
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        self.queue.apply(batch).await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.queue.close().await
    }
}

#[cfg(test)]
mod tests;
