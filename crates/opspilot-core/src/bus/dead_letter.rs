//! Events that a consumer gave up.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::error;

use super::tx::Tx;
use super::{Inner, PublishError, Work};
use crate::clock::Timestamp;
use crate::error::chain;
use crate::event::{DeliveryFailed, Envelope, Event as _};
use crate::storage::{
    Collection, CollectionSpec, Cursor, IndexEntry, IndexSpec, Query, Record, StorageError,
};

/// How many dead letters are kept; the oldest make room.
const KEPT: u64 = 10_000;

/// An event that a consumer gave up, as it is stored and served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Its identity: consumer and event.
    pub id: String,
    /// The consumer that gave up.
    pub consumer: String,
    /// The event's type.
    pub event_type: String,
    /// The event in its wire form.
    pub event: serde_json::Value,
    /// How often the consumer tried.
    pub attempts: u32,
    /// The last error.
    pub error: String,
    /// When the consumer gave up.
    pub failed_at: Timestamp,
    /// True while it waits for another attempt that a person asked for.
    pub retrying: bool,
}

impl DeadLetter {
    pub(super) fn new(
        consumer: &str,
        envelope: &Envelope,
        attempts: u32,
        error: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id: format!("{consumer}:{}", envelope.id),
            consumer: consumer.to_owned(),
            event_type: envelope.kind().to_owned(),
            event: serde_json::from_str(envelope.json()).unwrap_or_default(),
            attempts,
            error,
            failed_at: now,
            retrying: false,
        }
    }
}

impl Record for DeadLetter {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "dead_letters",
        indexes: &[
            IndexSpec {
                name: "recent",
                prefix: 0,
            },
            IndexSpec {
                name: "retrying",
                prefix: 1,
            },
        ],
    };

    fn key(&self) -> String {
        self.id.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let sort = self.failed_at.as_millis();
        let retrying = self.retrying.then(|| IndexEntry {
            prefix: vec![self.consumer.clone()],
            sort,
        });
        vec![
            Some(IndexEntry {
                prefix: Vec::new(),
                sort,
            }),
            retrying,
        ]
    }
}

/// A letter to deliver again.
pub(super) struct Retry {
    pub(super) letter: DeadLetter,
    pub(super) envelope: Envelope,
}

/// The stored dead letters.
#[derive(Debug, Clone)]
pub(super) struct Letters(pub(super) Collection<DeadLetter>);

impl Letters {
    pub(super) async fn add(
        &self,
        bus: &Arc<Inner>,
        letter: DeadLetter,
    ) -> Result<(), PublishError> {
        let oldest = self.oldest_beyond_limit().await;
        super::transact(
            bus,
            "core",
            Add {
                letters: self.0.clone(),
                letter,
                oldest,
            },
        )
        .await
    }

    /// The page behind `after`, newest first.
    pub(super) async fn list(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<DeadLetter>, Option<Cursor>), StorageError> {
        self.0
            .query(
                &Query::by_index("recent", vec![Vec::new()], limit)
                    .descending()
                    .after(after),
            )
            .await
    }

    pub(super) async fn to_retry(&self, consumer: &str) -> Result<Vec<Retry>, StorageError> {
        let query = Query::by_index("retrying", vec![vec![consumer.to_owned()]], 100);
        let (letters, _) = self.0.query(&query).await?;
        let parse = |letter: DeadLetter| {
            let envelope = Envelope::parse(0, &letter.event.to_string()).ok()?;
            Some(Retry { letter, envelope })
        };
        Ok(letters.into_iter().filter_map(parse).collect())
    }

    /// Removes a letter that was delivered after all, or stores why it was not.
    pub(super) async fn retried(
        &self,
        bus: &Arc<Inner>,
        letter: DeadLetter,
        error: Option<String>,
    ) -> Result<(), PublishError> {
        super::transact(
            bus,
            "core",
            Retried {
                letters: self.0.clone(),
                letter,
                error,
            },
        )
        .await
    }

    async fn oldest_beyond_limit(&self) -> Option<String> {
        let count = self.0.count().await.unwrap_or(0);
        if count < KEPT {
            return None;
        }
        let oldest = self
            .0
            .query(&Query::by_index("recent", vec![Vec::new()], 1))
            .await
            .ok()?;
        oldest.0.into_iter().next().map(|letter| letter.id)
    }

    /// Marks a letter for another attempt; false if there is no such letter.
    pub(super) async fn request_retry(&self, id: &str) -> Result<Option<DeadLetter>, StorageError> {
        let Some((letter, _)) = self.0.get(id).await? else {
            return Ok(None);
        };
        let letter = DeadLetter {
            retrying: true,
            ..letter
        };
        self.0.save(&letter).await?;
        Ok(Some(letter))
    }

    /// Removes a letter; false if there is no such letter.
    pub(super) async fn discard(&self, id: &str) -> Result<bool, StorageError> {
        self.0.storage().delete(self.0.name(), id).await
    }
}

struct Add {
    letters: Collection<DeadLetter>,
    letter: DeadLetter,
    oldest: Option<String>,
}

#[async_trait]
impl Work for Add {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        let Self {
            letters,
            letter,
            oldest,
        } = self;
        if let Some(oldest) = oldest {
            tx.delete(&letters, &oldest);
        }
        if let Err(failure) = tx.put(&letters, &letter) {
            error!(error = %chain(&failure), "dead letter has no JSON form");
        }
        // Telling of a failed report of a failure would not end.
        if letter.event_type != DeliveryFailed::TYPE {
            let event_id = letter
                .event
                .get("id")
                .and_then(|id| id.as_str())
                .unwrap_or_default()
                .to_owned();
            let DeadLetter {
                consumer,
                event_type,
                attempts,
                error,
                ..
            } = letter;
            tx.emit(DeliveryFailed {
                consumer,
                event_id,
                event_type,
                attempts,
                error,
            });
        }
    }
}

struct Retried {
    letters: Collection<DeadLetter>,
    letter: DeadLetter,
    error: Option<String>,
}

#[async_trait]
impl Work for Retried {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        let Self {
            letters,
            letter,
            error,
        } = self;
        let Some(error) = error else {
            return tx.delete(&letters, &letter.id);
        };
        let letter = DeadLetter {
            retrying: false,
            attempts: letter.attempts + 1,
            error,
            ..letter
        };
        if let Err(failure) = tx.put(&letters, &letter) {
            error!(error = %chain(&failure), "dead letter has no JSON form");
        }
    }
}
