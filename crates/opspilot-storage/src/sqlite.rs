//! Documents in an SQLite database: the default engine.
//!
//! Every collection is a table with a column for each value of its indexes. One task writes, in groups (see
//! [`crate::group`]); two connections read, each query from its own snapshot.

mod define;
mod fault;
mod read;
mod schema;
mod shape;
mod write;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use opspilot_core::storage::{
    Definition, Document, Page, Query, Storage, StorageError, Write, WriteBatch,
};
use sqlx::{SqliteConnection, SqlitePool};
use tokio_util::task::TaskTracker;

use crate::group::Queue;
use crate::lock::{ProcessLock, create_private_directory};
use crate::open::OpenError;
use fault::Faults;
use opspilot_core::config::Durability;
use shape::Shape;
use writer::Writer;

/// The longest document. SQLite's own limit is a billion bytes.
const MOST_BYTES: usize = 256 << 20;

/// The engine `sqlite`.
#[derive(Debug)]
pub(crate) struct SqliteStorage {
    readers: SqlitePool,
    queue: Queue,
    shapes: Shapes,
    faults: Faults,
    tasks: TaskTracker,
}

/// The collections defined in this process.
#[derive(Debug, Clone, Default)]
struct Shapes(Arc<RwLock<HashMap<String, Arc<Shape>>>>);

impl SqliteStorage {
    /// Opens the database at `path`, creates it if it is missing, and brings it to the newest format.
    pub(crate) async fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        create_private_directory(path.parent().unwrap_or_else(|| Path::new("")))?;
        let lock = ProcessLock::acquire(path)?;
        let faults = Faults::new(path);
        let connection = schema::open(path, durability, &faults).await?;
        Ok(Self::start(path, durability, connection, lock))
    }

    fn start(
        path: &Path,
        durability: Durability,
        connection: SqliteConnection,
        lock: ProcessLock,
    ) -> Self {
        let faults = Faults::new(path);
        let (queue, receiver) = Queue::new();
        let shapes = Shapes::default();
        let writer = Writer {
            path: path.to_owned(),
            durability,
            connection: Some(connection),
            receiver,
            shapes: shapes.clone(),
            faults: faults.clone(),
            lock,
        };
        let tasks = TaskTracker::new();
        tasks.spawn(writer.run());
        tasks.close();
        Self {
            readers: schema::readers(path),
            queue,
            shapes,
            faults,
            tasks,
        }
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        let is_known = |shape: Arc<Shape>| shape.definition.indexes == definition.indexes;
        if self.shapes.get(collection).is_ok_and(is_known) {
            return Ok(());
        }
        self.queue.define(collection, definition).await
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        let shape = self.shapes.get(collection)?;
        read::get(&self.readers, &shape, key)
            .await
            .map_err(|error| self.faults.error("reading", error))
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        let shape = self.shapes.get(collection)?;
        let plan = read::Plan::new(&shape, collection, query)?;
        plan.page(&self.readers)
            .await
            .map_err(|error| self.faults.error("reading", error))
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        let shape = self.shapes.get(collection)?;
        read::count(&self.readers, &shape)
            .await
            .map_err(|error| self.faults.error("reading", error))
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        self.queue.apply(batch).await
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.readers.close().await;
        let outcome = self.queue.close().await;
        self.tasks.wait().await;
        outcome
    }
}

impl Shapes {
    fn get(&self, collection: &str) -> Result<Arc<Shape>, StorageError> {
        let shapes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let missing = || StorageError::NoSuchCollection {
            collection: collection.to_owned(),
        };
        shapes.get(collection).cloned().ok_or_else(missing)
    }

    /// Whether `batch` fits the collections, whatever it expects.
    fn check(&self, batch: &WriteBatch) -> Result<(), StorageError> {
        for write in batch.writes() {
            let shape = self.get(write.collection())?;
            let Write::Put {
                collection,
                key,
                json,
                index,
                ..
            } = write
            else {
                continue;
            };
            shape.definition.check_entries(collection, key, index)?;
            if json.len() > MOST_BYTES {
                return Err(StorageError::Shape {
                    what: format!("`{collection}/{key}`"),
                    detail: format!("{} bytes where {MOST_BYTES} are possible", json.len()),
                });
            }
        }
        Ok(())
    }

    fn insert(&self, collection: &str, shape: Shape) {
        let mut shapes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        shapes.insert(collection.to_owned(), Arc::new(shape));
    }
}

#[cfg(test)]
mod tests;
