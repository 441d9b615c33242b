//! How far each stream was published: what makes publications from streams idempotent.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::publication::{Draft, Origin};
use super::tx::Tx;
use crate::storage::{Collection, CollectionSpec, Record, StorageError};

/// The stored mark of one lane. Its key starts with the stream, so a stream's lanes are removed as one range.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lane {
    stream: Arc<str>,
    publisher: Arc<str>,
    end: u64,
}

impl Record for Lane {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "lanes",
        indexes: &[],
    };

    fn key(&self) -> String {
        key(&self.stream, &self.publisher)
    }
}

/// The marks of all lanes, with those in use in memory.
#[derive(Debug)]
pub(super) struct Lanes {
    collection: Collection<Lane>,
    ends: HashMap<String, u64>,
}

impl Lanes {
    pub(super) fn new(collection: Collection<Lane>) -> Self {
        Self {
            collection,
            ends: HashMap::new(),
        }
    }

    /// Drops the drafts that were published before, and moves the lane's mark in `tx`. Returns how many were dropped.
    pub(super) async fn admit(
        &mut self,
        publisher: &Arc<str>,
        origin: &Origin,
        drafts: &mut Vec<Draft>,
        tx: &mut Tx,
    ) -> Result<u64, StorageError> {
        let key = key(&origin.stream, publisher);
        let mark = match self.ends.get(&key) {
            Some(end) => *end,
            None => tx
                .get(&self.collection, &key)
                .await?
                .map_or(0, |lane| lane.end),
        };
        let before = drafts.len();
        drafts.retain(|draft| draft.position.is_none_or(|position| position >= mark));
        if origin.end > mark {
            let stream = Arc::clone(&origin.stream);
            tx.put(
                &self.collection,
                &Lane {
                    stream,
                    publisher: Arc::clone(publisher),
                    end: origin.end,
                },
            )?;
        }
        self.ends.insert(key, mark.max(origin.end));
        Ok((before - drafts.len()) as u64)
    }

    /// Where `publisher` stands in `stream`, as stored.
    pub(super) async fn stored(
        collection: &Collection<Lane>,
        publisher: &str,
        stream: &str,
    ) -> Result<u64, StorageError> {
        let lane = collection.get(&key(stream, publisher)).await?;
        Ok(lane.map_or(0, |(lane, _)| lane.end))
    }

    /// Forgets every lane of `stream`, which will not be read again.
    pub(super) fn forget(&mut self, stream: &str, tx: &mut Tx) {
        let lanes = format!("{stream}|")..format!("{stream}}}");
        self.ends.retain(|key, _| !key.starts_with(&lanes.start));
        tx.delete_range(self.collection.name(), lanes);
    }

    /// Forgets what is in memory, after a transaction that was not stored.
    pub(super) fn reload(&mut self) {
        self.ends.clear();
    }
}

/// `|` sorts right before `}`, which bounds the range of a stream's lanes.
fn key(stream: &str, publisher: &str) -> String {
    format!("{stream}|{publisher}")
}
