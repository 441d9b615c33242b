//! All collections of an engine in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::table::{Row, Table};
use crate::storage::{
    Definition, Document, Expect, IndexEntry, Page, Query, StorageError, Write, WriteBatch,
};

/// Collections of documents in memory, with their indexes, and nothing else: no lock and no I/O.
///
/// [`MemoryStorage`](super::MemoryStorage) puts a lock around it; an engine that keeps its documents in a log replays
/// into it with [`Tables::restore`].
#[derive(Debug, Default)]
pub struct Tables {
    tables: BTreeMap<String, Table>,
}

impl Tables {
    /// Declares a collection and builds its indexes, unless it has exactly these.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when a stored document has no index entries; the collection is then unchanged.
    pub fn define(&mut self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        if let Some(table) = self.tables.get_mut(collection) {
            return table.define(collection, definition);
        }
        let mut table = Table::default();
        table.define(collection, definition)?;
        self.tables.insert(collection.to_owned(), table);
        Ok(())
    }

    /// As [`Storage::get`](crate::storage::Storage::get).
    ///
    /// # Errors
    /// When the collection is not defined.
    pub fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        Ok(self.table(collection)?.document(key))
    }

    /// The version of a document, if there is one.
    ///
    /// # Errors
    /// When the collection is not defined.
    pub fn version(&self, collection: &str, key: &str) -> Result<Option<u64>, StorageError> {
        Ok(self.table(collection)?.version(key))
    }

    /// As [`Storage::query`](crate::storage::Storage::query).
    ///
    /// # Errors
    /// When the collection or its index is not declared.
    pub fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        self.table(collection)?.query(collection, query)
    }

    /// As [`Storage::count`](crate::storage::Storage::count).
    ///
    /// # Errors
    /// When the collection is not defined.
    pub fn count(&self, collection: &str) -> Result<u64, StorageError> {
        Ok(self.table(collection)?.len())
    }

    /// Whether `batch` may be written: it fits the collections, and every [`Expect`] holds now.
    ///
    /// # Errors
    /// [`StorageError::NoSuchCollection`], [`StorageError::Shape`] or [`StorageError::Conflict`].
    pub fn check(&self, batch: &WriteBatch) -> Result<(), StorageError> {
        self.check_shape(batch)?;
        for write in batch.writes() {
            let Some((key, expect)) = write.expectation() else {
                continue;
            };
            let table = self.table(write.collection())?;
            expect.check(write.collection(), key, || table.version(key))?;
        }
        Ok(())
    }

    /// Whether `batch` fits the collections, whatever it expects.
    ///
    /// # Errors
    /// [`StorageError::NoSuchCollection`] or [`StorageError::Shape`].
    pub fn check_shape(&self, batch: &WriteBatch) -> Result<(), StorageError> {
        for write in batch.writes() {
            let table = self.table(write.collection())?;
            if let Write::Put {
                collection,
                key,
                index,
                ..
            } = write
            {
                table.check_entries(collection, key, index)?;
            }
        }
        Ok(())
    }

    /// Writes `batch` whatever it expects; ask [`Tables::check`] first. Writes to unknown collections are left out.
    pub fn write(&mut self, batch: WriteBatch) {
        for write in batch.into_writes() {
            let Some(table) = self.tables.get_mut(write.collection()) else {
                continue;
            };
            match write {
                Write::Put {
                    key, json, index, ..
                } => table.put(key, json, index),
                Write::Delete { key, .. } => table.delete(&key),
                Write::DeleteRange { from, to, .. } => table.delete_range(&from, to.as_deref()),
            }
        }
    }

    /// Puts a document back as it was stored, before its collection is defined: [`Tables::define`] will index it.
    pub fn restore(&mut self, collection: &str, document: Document) {
        self.undefined(collection).restore(document);
    }

    /// Repeats a write whose collection may not be defined yet, whatever it expects and without its index entries.
    pub fn replay(&mut self, write: Write) {
        let table = self.undefined(write.collection());
        match write {
            Write::Put { key, json, .. } => table.put(key, json, Vec::new()),
            Write::Delete { key, .. } => table.delete(&key),
            Write::DeleteRange { from, to, .. } => table.delete_range(&from, to.as_deref()),
        }
    }

    /// Every document with its collection, in order of collection and key.
    pub fn documents(&self) -> impl Iterator<Item = (&str, &str, u64, &str)> {
        self.tables.iter().flat_map(|(name, table)| {
            table
                .rows((Bound::Unbounded, Bound::Unbounded))
                .map(move |(key, row)| {
                    let Row { version, json, .. } = row;
                    (name.as_str(), key, *version, &**json)
                })
        })
    }

    fn undefined(&mut self, collection: &str) -> &mut Table {
        if !self.tables.contains_key(collection) {
            self.tables.insert(collection.to_owned(), Table::default());
        }
        self.tables
            .get_mut(collection)
            .expect("inserted above if it was absent")
    }

    fn table(&self, collection: &str) -> Result<&Table, StorageError> {
        let table = self
            .tables
            .get(collection)
            .filter(|table| table.is_defined());
        table.ok_or_else(|| StorageError::NoSuchCollection {
            collection: collection.to_owned(),
        })
    }
}

impl Expect {
    /// Compares what is expected with the version there is; `version` is asked only if it matters.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when they differ.
    pub fn check(
        self,
        collection: &str,
        key: &str,
        version: impl FnOnce() -> Option<u64>,
    ) -> Result<(), StorageError> {
        let holds = match self {
            Self::Any => true,
            Self::Absent => version().is_none(),
            Self::Version(expected) => version() == Some(expected),
        };
        let conflict = || StorageError::Conflict {
            collection: collection.to_owned(),
            key: key.to_owned(),
        };
        if holds { Ok(()) } else { Err(conflict()) }
    }
}

impl Definition {
    /// Compares the entries of a document with the declared indexes.
    ///
    /// # Errors
    /// [`StorageError::Shape`] when their number or the length of a prefix differs.
    pub fn check_entries(
        &self,
        collection: &str,
        key: &str,
        entries: &[Option<IndexEntry>],
    ) -> Result<(), StorageError> {
        let fits = |(entry, spec): (&Option<IndexEntry>, &crate::storage::IndexSpec)| {
            entry
                .as_ref()
                .is_none_or(|entry| entry.prefix.len() == spec.prefix)
        };
        if entries.len() == self.indexes.len() && entries.iter().zip(self.indexes).all(fits) {
            return Ok(());
        }
        Err(StorageError::Shape {
            what: format!("`{collection}/{key}`"),
            detail: format!("entries {entries:?} for indexes {:?}", self.indexes),
        })
    }
}
