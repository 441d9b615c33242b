//! Typed collections over the JSON documents of an engine.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    CollectionSpec, Cursor, Definition, Document, Expect, IndexEntry, Page, Query, SharedStorage,
    Storage, StorageError, Write,
};

/// A type that is stored in one collection.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The collection.
    const COLLECTION: CollectionSpec;

    /// The document's key.
    fn key(&self) -> String;

    /// One entry for each index of [`Record::COLLECTION`], in declaration order.
    fn index(&self) -> Vec<Option<IndexEntry>> {
        Vec::new()
    }
}

/// A storage seen through a namespace: whoever holds it reaches its own collections only.
#[derive(Debug, Clone)]
pub struct Store {
    storage: SharedStorage,
    namespace: Arc<str>,
}

impl Store {
    /// The part of `storage` that belongs to `namespace`, for example a module id.
    #[must_use]
    pub fn new(storage: SharedStorage, namespace: &str) -> Self {
        Self {
            storage,
            namespace: namespace.into(),
        }
    }

    /// Opens the collection of `R`.
    ///
    /// # Errors
    /// As [`Storage::define`].
    pub async fn collection<R: Record>(&self) -> Result<Collection<R>, StorageError> {
        let name = format!("{}::{}", self.namespace, R::COLLECTION.name);
        let entries = |json: &str| serde_json::from_str::<R>(json).map(|value| value.index());
        self.storage
            .define(
                &name,
                Definition {
                    indexes: R::COLLECTION.indexes,
                    entries,
                },
            )
            .await?;
        Ok(Collection {
            storage: Arc::clone(&self.storage),
            name: name.into(),
            record: PhantomData,
        })
    }
}

/// The documents of one collection as values of `R`.
#[derive(Debug)]
pub struct Collection<R> {
    storage: SharedStorage,
    name: Arc<str>,
    record: PhantomData<fn() -> R>,
}

impl<R> Clone for Collection<R> {
    fn clone(&self) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
            name: Arc::clone(&self.name),
            record: PhantomData,
        }
    }
}

impl<R: Record> Collection<R> {
    /// The collection's name in the engine, with its namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value under `key` and its version.
    ///
    /// # Errors
    /// When the engine cannot read or the document is not an `R`.
    pub async fn get(&self, key: &str) -> Result<Option<(R, u64)>, StorageError> {
        let document = self.storage.get(&self.name, key).await?;
        document
            .map(|found| Ok((self.decode(&found)?, found.version)))
            .transpose()
    }

    /// One page of values and the cursor behind it.
    ///
    /// # Errors
    /// When the engine cannot read or a document is not an `R`.
    pub async fn query(&self, query: &Query) -> Result<(Vec<R>, Option<Cursor>), StorageError> {
        let page = self.storage.query(&self.name, query).await?;
        let values = page
            .documents
            .iter()
            .map(|document| self.decode(document))
            .collect::<Result<_, _>>()?;
        Ok((values, page.next))
    }

    /// One page of documents as they are stored, for whoever only passes them on.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub async fn documents(&self, query: &Query) -> Result<Page, StorageError> {
        self.storage.query(&self.name, query).await
    }

    /// How many values there are.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub async fn count(&self) -> Result<u64, StorageError> {
        self.storage.count(&self.name).await
    }

    /// The write that stores `value` if `expect` holds; it goes into a batch.
    ///
    /// # Errors
    /// When `value` has no JSON form.
    pub fn put(&self, value: &R, expect: Expect) -> Result<Write, StorageError> {
        Ok(Write::Put {
            collection: self.name.to_string(),
            key: value.key(),
            json: encode(&self.name, value)?.into(),
            index: value.index(),
            expect,
        })
    }

    /// The write that removes the value under `key`.
    #[must_use]
    pub fn delete(&self, key: &str) -> Write {
        Write::Delete {
            collection: self.name.to_string(),
            key: key.to_owned(),
            expect: Expect::Any,
        }
    }

    /// Stores `value` at once, in a batch of its own.
    ///
    /// # Errors
    /// As [`Storage::apply`].
    pub async fn save(&self, value: &R) -> Result<(), StorageError> {
        let mut batch = super::WriteBatch::default();
        batch.push(self.put(value, Expect::Any)?);
        self.storage.apply(batch).await
    }

    /// The engine behind the collection.
    #[must_use]
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Reads a document of this collection.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when it is not an `R`.
    pub fn decode(&self, document: &Document) -> Result<R, StorageError> {
        serde_json::from_str(&document.json).map_err(|error| StorageError::Corrupt {
            what: format!("`{}/{}`", self.name, document.key),
            detail: error.to_string(),
        })
    }
}

fn encode<R: Serialize>(collection: &str, value: &R) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Unavailable {
        operation: format!("writing a document of `{collection}` as JSON"),
        source: error.into(),
    })
}
