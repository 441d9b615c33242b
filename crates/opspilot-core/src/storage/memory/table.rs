//! One collection in memory: rows by key, and for each index its entries by prefix.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::merge::merge;
use crate::storage::{Definition, Document, IndexEntry, Order, Page, Query, StorageError};

/// A collection.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: BTreeMap<Arc<str>, Row>,
    definition: Option<Definition>,
    /// One for each index of the definition.
    indexes: Vec<Index>,
}

/// A stored document and where it stands in each index.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) version: u64,
    pub(super) json: Arc<str>,
    entries: Vec<Option<IndexEntry>>,
}

/// The documents of each prefix, in order of sort value and key.
type Index = HashMap<Vec<String>, BTreeSet<Position>>;
pub(super) type Position = (i64, Arc<str>);

impl Table {
    pub(super) fn is_defined(&self) -> bool {
        self.definition.is_some()
    }

    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Takes the definition and, if the indexes differ, indexes every row anew.
    pub(super) fn define(
        &mut self,
        collection: &str,
        definition: Definition,
    ) -> Result<(), StorageError> {
        if self
            .definition
            .is_none_or(|known| known.indexes != definition.indexes)
        {
            let mut indexes = vec![Index::new(); definition.indexes.len()];
            let mut all_entries = Vec::with_capacity(self.rows.len());
            for (key, row) in &self.rows {
                let entries = definition.entries_of(collection, key, &row.json)?;
                add(&mut indexes, key, &entries);
                all_entries.push(entries);
            }
            for (row, entries) in self.rows.values_mut().zip(all_entries) {
                row.entries = entries;
            }
            self.indexes = indexes;
        }
        self.definition = Some(definition);
        Ok(())
    }

    pub(super) fn check_entries(
        &self,
        collection: &str,
        key: &str,
        entries: &[Option<IndexEntry>],
    ) -> Result<(), StorageError> {
        self.definition.map_or(Ok(()), |definition| {
            definition.check_entries(collection, key, entries)
        })
    }

    pub(super) fn document(&self, key: &str) -> Option<Document> {
        let (key, row) = self.rows.get_key_value(key)?;
        Some(document(key, row))
    }

    pub(super) fn version(&self, key: &str) -> Option<u64> {
        self.rows.get(key).map(|row| row.version)
    }

    pub(super) fn rows<'a>(
        &'a self,
        range: (Bound<&'a str>, Bound<&'a str>),
    ) -> impl DoubleEndedIterator<Item = (&'a str, &'a Row)> {
        self.rows
            .range::<str, _>(range)
            .map(|(key, row)| (&**key, row))
    }

    pub(super) fn put(&mut self, key: String, json: Arc<str>, entries: Vec<Option<IndexEntry>>) {
        let key: Arc<str> = key.into();
        match self.rows.entry(Arc::clone(&key)) {
            Entry::Vacant(vacant) => {
                add(&mut self.indexes, &key, &entries);
                vacant.insert(Row {
                    version: 1,
                    json,
                    entries,
                });
            }
            Entry::Occupied(mut occupied) => {
                let row = occupied.get_mut();
                if row.entries != entries {
                    remove(&mut self.indexes, &key, &row.entries);
                    add(&mut self.indexes, &key, &entries);
                }
                *row = Row {
                    version: row.version + 1,
                    json,
                    entries,
                };
            }
        }
    }

    /// Puts a row back without entries; `define` adds them.
    pub(super) fn restore(&mut self, document: Document) {
        let Document { key, version, json } = document;
        self.rows.insert(
            key.into(),
            Row {
                version,
                json,
                entries: Vec::new(),
            },
        );
    }

    pub(super) fn delete(&mut self, key: &str) {
        if let Some((key, row)) = self.rows.remove_entry(key) {
            remove(&mut self.indexes, &key, &row.entries);
        }
    }

    pub(super) fn delete_range(&mut self, from: &str, to: Option<&str>) {
        if to.is_some_and(|to| to <= from) {
            return;
        }
        let range = (
            Bound::Included(from),
            to.map_or(Bound::Unbounded, Bound::Excluded),
        );
        let keys: Vec<Arc<str>> = self
            .rows
            .range::<str, _>(range)
            .map(|(key, _)| Arc::clone(key))
            .collect();
        keys.iter().for_each(|key| self.delete(key));
    }

    pub(super) fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        match query.index {
            None => Ok(self.query_by_key(query)),
            Some(index) => self.query_by_index(collection, index, query),
        }
    }

    fn query_by_key(&self, query: &Query) -> Page {
        let after = query
            .after
            .as_ref()
            .map(|cursor| Bound::Excluded(cursor.key.as_str()));
        let start = after.unwrap_or(Bound::Unbounded);
        let found = |(key, row): (&str, &Row)| (0, document(key, row));
        match query.order {
            Order::Ascending => {
                Page::fill(query.limit, self.rows((start, Bound::Unbounded)).map(found))
            }
            Order::Descending => Page::fill(
                query.limit,
                self.rows((Bound::Unbounded, start)).rev().map(found),
            ),
        }
    }

    fn query_by_index(
        &self,
        collection: &str,
        name: &str,
        query: &Query,
    ) -> Result<Page, StorageError> {
        let missing = || StorageError::NoSuchIndex {
            collection: collection.to_owned(),
            index: name.to_owned(),
        };
        let definition = self.definition.ok_or_else(missing)?;
        let (position, prefixes) = definition.prefixes(collection, name, query)?;
        let index = self.indexes.get(position).ok_or_else(missing)?;
        let sets = prefixes
            .into_iter()
            .filter_map(|prefix| index.get(prefix))
            .collect();
        let found = merge(sets, query)
            .filter_map(|(sort, key)| self.rows.get(key).map(|row| (*sort, document(key, row))));
        Ok(Page::fill(query.limit, found))
    }
}

fn document(key: &str, row: &Row) -> Document {
    Document {
        key: key.to_owned(),
        version: row.version,
        json: Arc::clone(&row.json),
    }
}

fn add(indexes: &mut [Index], key: &Arc<str>, entries: &[Option<IndexEntry>]) {
    for (index, entry) in indexes.iter_mut().zip(entries) {
        let Some(entry) = entry else { continue };
        let position = (entry.sort, Arc::clone(key));
        if let Some(set) = index.get_mut(&entry.prefix) {
            set.insert(position);
        } else {
            index.insert(entry.prefix.clone(), BTreeSet::from([position]));
        }
    }
}

fn remove(indexes: &mut [Index], key: &Arc<str>, entries: &[Option<IndexEntry>]) {
    for (index, entry) in indexes.iter_mut().zip(entries) {
        let Some(entry) = entry else { continue };
        let Some(set) = index.get_mut(&entry.prefix) else {
            continue;
        };
        set.remove(&(entry.sort, Arc::clone(key)));
        if set.is_empty() {
            index.remove(&entry.prefix);
        }
    }
}
