//! The documents of the suite.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::storage::{
    Definition, Document, IndexEntry, IndexSpec, Page, Query, Storage, Write, WriteBatch,
};
use crate::storage::{Expect, StorageError};

pub(super) const NOTES: &str = "suite::notes";
pub(super) const OTHER: &str = "suite::other";

/// More than any check stores.
const MOST_DOCUMENTS: usize = 1000;

/// By two values and time, by time alone, and an index that only some documents are in.
pub(super) const INDEXES: &[IndexSpec] = &[
    IndexSpec {
        name: "state",
        prefix: 2,
    },
    IndexSpec {
        name: "time",
        prefix: 0,
    },
    IndexSpec {
        name: "owner",
        prefix: 1,
    },
];

pub(super) const DEFINITION: Definition = Definition {
    indexes: INDEXES,
    entries: |json| serde_json::from_str::<Note>(json).map(|note| note.entries()),
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) state: String,
    pub(super) severity: String,
    pub(super) time: i64,
    pub(super) owner: Option<String>,
    pub(super) text: String,
}

impl Note {
    pub(super) fn new(state: &str, severity: &str, time: i64) -> Self {
        let text = format!("{state} {severity} \"{time}\" ✓");
        Self {
            state: state.into(),
            severity: severity.into(),
            time,
            owner: None,
            text,
        }
    }

    pub(super) fn entries(&self) -> Vec<Option<IndexEntry>> {
        let entry = |prefix| {
            Some(IndexEntry {
                prefix,
                sort: self.time,
            })
        };
        vec![
            entry(vec![self.state.clone(), self.severity.clone()]),
            entry(vec![]),
            self.owner
                .as_ref()
                .and_then(|owner| entry(vec![owner.clone()])),
        ]
    }

    pub(super) fn json(&self) -> Arc<str> {
        let json = serde_json::to_string(self);
        json.expect("a note has a JSON form").into()
    }

    pub(super) fn put(&self, collection: &str, key: &str, expect: Expect) -> Write {
        Write::Put {
            collection: collection.into(),
            key: key.into(),
            json: self.json(),
            index: self.entries(),
            expect,
        }
    }
}

pub(super) fn batch(writes: impl IntoIterator<Item = Write>) -> WriteBatch {
    let mut batch = WriteBatch::default();
    writes.into_iter().for_each(|write| batch.push(write));
    batch
}

pub(super) fn prefix(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// A storage whose two collections are defined.
pub(super) async fn define(storage: &dyn Storage) {
    storage.define(NOTES, DEFINITION).await.expect("defines");
    storage.define(OTHER, DEFINITION).await.expect("defines");
}

/// Stores notes in [`NOTES`] under the given keys.
pub(super) async fn store(storage: &dyn Storage, notes: &[(&str, Note)]) {
    let writes = notes
        .iter()
        .map(|(key, note)| note.put(NOTES, key, Expect::Any));
    storage.apply(batch(writes)).await.expect("stores");
}

/// All pages of a query, joined. Checks that each is full and that only the last has no cursor.
pub(super) async fn all_pages(
    storage: &dyn Storage,
    collection: &str,
    query: Query,
) -> Vec<Document> {
    let limit = query.limit;
    let mut documents = Vec::new();
    let mut query = query;
    loop {
        let page = storage
            .query(collection, &query)
            .await
            .expect("reads a page");
        assert!(
            page.documents.len() <= limit,
            "{query:?}: {} documents",
            page.documents.len()
        );
        documents.extend(page.documents.clone());
        match page.next {
            None => return documents,
            Some(next) => {
                assert_ne!(
                    query.after.as_ref(),
                    Some(&next),
                    "{query:?}: the cursor moves on"
                );
                assert!(documents.len() < MOST_DOCUMENTS, "{query:?}: the pages end");
                assert_eq!(
                    page.documents.len(),
                    limit,
                    "{query:?}: a page before the last is full"
                );
                query = query.after(Some(next));
            }
        }
    }
}

pub(super) async fn keys(storage: &dyn Storage, query: Query) -> Vec<String> {
    all_pages(storage, NOTES, query)
        .await
        .into_iter()
        .map(|document| document.key)
        .collect()
}

pub(super) fn page_keys(page: &Page) -> Vec<&str> {
    page.documents
        .iter()
        .map(|document| document.key.as_str())
        .collect()
}

pub(super) fn assert_conflict(outcome: &Result<(), StorageError>, expected_key: &str) {
    let is_expected =
        matches!(outcome, Err(StorageError::Conflict { key, .. }) if key == expected_key);
    assert!(is_expected, "a conflict on {expected_key}, not {outcome:?}");
}
