//! The storage that everything durable is written on.
//!
//! An engine keeps JSON documents in named collections. The trait is small on purpose: two reads ([`Storage::get`],
//! [`Storage::query`]), one count, and one write ([`Storage::apply`]), which is atomic over several collections. The
//! seven operations of the contract (`get set delete list has count clear`) are provided on top.
//!
//! Every list is a page over a declared index, so no read is ever proportional to the size of a collection.

mod batch;
mod collection;
#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
mod memory;
mod query;
mod watched;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use batch::{Expect, IndexEntry, Write, WriteBatch};
pub use collection::{Collection, Record, Store};
pub use memory::{MemoryStorage, Tables};
pub use query::{Cursor, CursorError, Document, Order, Page, Query};
pub use watched::METRICS;
pub(crate) use watched::WatchedStorage;

/// The shape of a collection: its name and its indexes, fixed by the code that owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectionSpec {
    /// The name, unique within its namespace; `[a-z0-9_]+`.
    pub name: &'static str,
    /// Indexes in declaration order; [`Write::Put`] gives one entry for each.
    pub indexes: &'static [IndexSpec],
}

/// What an engine needs to know of a collection.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The indexes, in the order of the entries that [`Write::Put`] gives.
    pub indexes: &'static [IndexSpec],
    /// The entries of a stored document, one for each index: what [`Write::Put`] gave with it, or would give today.
    /// Engines call it to build indexes over documents that are already stored.
    pub entries: fn(json: &str) -> Result<Vec<Option<IndexEntry>>, serde_json::Error>,
}

/// A declared index: equality on `prefix`, then ascending or descending by one integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSpec {
    /// The name that queries use; `[a-z0-9_]+`.
    pub name: &'static str,
    /// How many text values precede the sort value.
    pub prefix: usize,
}

/// A place for JSON documents in collections.
///
/// # Cancel safety
/// Dropping a read loses nothing. Dropping [`Storage::apply`] leaves open whether the batch was written; it is never
/// written in part.
#[async_trait]
pub trait Storage: Send + Sync + fmt::Debug + 'static {
    /// The engine's name in configuration and metrics.
    fn engine(&self) -> &'static str;

    /// Declares a collection before its first use. Declaring it again with the same indexes does nothing; with other
    /// indexes, the engine rebuilds them.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when a stored document has no index entries, or when the engine cannot prepare the
    /// collection.
    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError>;

    /// The document under `key`, if there is one.
    ///
    /// # Errors
    /// When the engine cannot read.
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError>;

    /// One page of documents in the order of an index.
    ///
    /// # Errors
    /// [`StorageError::NoSuchIndex`] for an index that was not declared, or when the engine cannot read.
    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError>;

    /// How many documents the collection holds. Engines answer in time independent of that number where they can.
    ///
    /// # Errors
    /// When the engine cannot read.
    async fn count(&self, collection: &str) -> Result<u64, StorageError>;

    /// Writes all of `batch`, or nothing. Returns when it is as durable as the engine was configured to make it.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when an [`Expect`] does not hold; otherwise when the engine cannot write.
    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError>;

    /// Finishes outstanding writes and releases files and locks. Later calls fail; an engine without files does nothing.
    ///
    /// # Errors
    /// When the last writes fail.
    async fn close(&self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Inserts or replaces a document in a collection without indexes.
    ///
    /// # Errors
    /// As [`Storage::apply`].
    async fn set(&self, collection: &str, key: &str, json: String) -> Result<(), StorageError> {
        let mut batch = WriteBatch::default();
        batch.put(collection, key, json, Vec::new());
        self.apply(batch).await
    }

    /// Removes a document; true if it existed.
    ///
    /// # Errors
    /// As [`Storage::apply`].
    async fn delete(&self, collection: &str, key: &str) -> Result<bool, StorageError> {
        // Expecting the version makes the answer true of this call, whoever else deletes or writes meanwhile.
        while let Some(found) = self.get(collection, key).await? {
            let mut batch = WriteBatch::default();
            batch.push(Write::Delete {
                collection: collection.to_owned(),
                key: key.to_owned(),
                expect: Expect::Version(found.version),
            });
            match self.apply(batch).await {
                Err(StorageError::Conflict { .. }) => {}
                outcome => return outcome.map(|()| true),
            }
        }
        Ok(false)
    }

    /// One page of the collection in key order.
    ///
    /// # Errors
    /// As [`Storage::query`].
    async fn list(
        &self,
        collection: &str,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StorageError> {
        self.query(
            collection,
            &Query {
                after,
                ..Query::by_key(limit)
            },
        )
        .await
    }

    /// True if there is a document under `key`.
    ///
    /// # Errors
    /// As [`Storage::get`].
    async fn has(&self, collection: &str, key: &str) -> Result<bool, StorageError> {
        Ok(self.get(collection, key).await?.is_some())
    }

    /// Removes every document of the collection.
    ///
    /// # Errors
    /// As [`Storage::apply`].
    async fn clear(&self, collection: &str) -> Result<(), StorageError> {
        let mut batch = WriteBatch::default();
        batch.delete_range(collection, "", None);
        self.apply(batch).await
    }
}

/// Why a storage operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A document was not as the batch expected; somebody else changed it.
    #[error("`{collection}/{key}` was changed by another writer")]
    Conflict {
        /// The collection.
        collection: String,
        /// The document's key.
        key: String,
    },
    /// The collection was not defined.
    #[error("collection `{collection}` is not defined")]
    NoSuchCollection {
        /// The collection.
        collection: String,
    },
    /// The index was not declared for the collection.
    #[error("collection `{collection}` has no index `{index}`")]
    NoSuchIndex {
        /// The collection.
        collection: String,
        /// The index asked for.
        index: String,
    },
    /// A write or query does not fit the collection: a mistake in the code that made it.
    #[error("{what} does not fit the declared indexes: {detail}")]
    Shape {
        /// The document or query.
        what: String,
        /// How it differs.
        detail: String,
    },
    /// A stored document is not what was written: a checksum or its JSON is wrong.
    #[error("{what} is corrupt: {detail}")]
    Corrupt {
        /// The file or document.
        what: String,
        /// What is wrong with it, and the way out.
        detail: String,
    },
    /// The stored format is newer than this binary.
    #[error(
        "{what} has format {found}, this version knows formats up to {known}: use a newer opspilot-server"
    )]
    TooNew {
        /// The file.
        what: String,
        /// The version found.
        found: i64,
        /// The newest version this binary reads.
        known: i64,
    },
    /// The engine cannot work now and may later: disk full, locked, unreachable.
    #[error("{operation} failed")]
    Unavailable {
        /// What was attempted, with the file.
        operation: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The storage was closed.
    #[error("the storage is closed")]
    Closed,
}

impl Definition {
    /// A collection without indexes: it can be read by key only.
    pub const UNINDEXED: Self = Self {
        indexes: &[],
        entries: |_| Ok(Vec::new()),
    };

    /// The entries of a stored document, checked against the declared indexes.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the document cannot be read, [`StorageError::Shape`] when the entries do not fit.
    pub fn entries_of(
        &self,
        collection: &str,
        key: &str,
        json: &str,
    ) -> Result<Vec<Option<IndexEntry>>, StorageError> {
        let entries = (self.entries)(json).map_err(|error| StorageError::Corrupt {
            what: format!("`{collection}/{key}`"),
            detail: error.to_string(),
        })?;
        self.check_entries(collection, key, &entries)?;
        Ok(entries)
    }
}

impl StorageError {
    /// True if trying again later may succeed without anyone's doing: disk full, locked, unreachable.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// The storage as contexts carry it.
pub type SharedStorage = Arc<dyn Storage>;
