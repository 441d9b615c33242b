//! What was sent to which channel, and what became of it: the newest deliveries of all notifiers.
//!
//! A notifier's place in the journal is what makes its deliveries reliable; this is the record for people. It is written
//! after a delivery and may lack the last one before a crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Timestamp};
use crate::storage::{
    Collection, CollectionSpec, Cursor, Expect, IndexEntry, IndexSpec, Query, Record,
    SharedStorage, StorageError, Store, WriteBatch,
};

/// How many deliveries are kept; the oldest make room.
const KEPT: u64 = 10_000;

/// After how many notes their number is looked at, and how many are removed at once at most.
const LOOK_EVERY: u64 = 256;
const REMOVED_AT_ONCE: usize = 1_000;

/// The longest error that is kept, in bytes.
const ERROR_LENGTH: usize = 1_000;

/// The record of deliveries; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct Deliveries {
    collection: Collection<Delivery>,
    clock: Arc<dyn Clock>,
    notes: Arc<AtomicU64>,
}

/// What became of one notice on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The channel: `ops-hook` of `notifier.channels`, or the notifier's own name.
    pub channel: String,
    /// The consumer that read the event, `notifier.channels/ops-hook`.
    pub consumer: String,
    /// The event's id, or the summary's.
    pub event_id: String,
    /// The event's wire type.
    pub event_type: String,
    /// What it belongs to: an incident, or a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u64,
    /// When it was first tried.
    pub first_at: Timestamp,
    /// When it was last tried.
    pub at: Timestamp,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of a notice.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// The channel took it.
    Sent,
    /// It failed and is tried again.
    Retrying,
    /// The channel refused it for good: it is a dead letter.
    Refused,
}

/// A notice that was tried on a channel.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The channel.
    pub channel: String,
    /// The consumer.
    pub consumer: String,
    /// The event's id, or the summary's.
    pub event_id: String,
    /// The event's wire type.
    pub event_type: String,
    /// What it belongs to: an incident, or a request.
    pub correlation_id: Option<String>,
    /// What became of it.
    pub state: DeliveryState,
    /// Why it failed.
    pub error: Option<String>,
}

/// Which deliveries to list; an empty list means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only these states.
    pub states: Vec<DeliveryState>,
    /// Only this channel.
    pub channel: Option<String>,
}

impl Deliveries {
    /// Opens the record in `storage`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(storage: SharedStorage, clock: Arc<dyn Clock>) -> Result<Self, StorageError> {
        let collection = Store::new(storage, "system").collection().await?;
        Ok(Self {
            collection,
            clock,
            notes: Arc::default(),
        })
    }

    /// Notes attempts that were made now, in order. The first may be another one for a notice that was tried before.
    ///
    /// # Errors
    /// When they cannot be stored.
    pub async fn note(&self, attempts: Vec<Attempt>) -> Result<(), StorageError> {
        let now = self.clock.now();
        let mut batch = WriteBatch::default();
        let count = attempts.len() as u64;
        for (place, attempt) in attempts.into_iter().enumerate() {
            let mut delivery = attempt.delivery(now);
            let known = match place {
                0 => self.collection.get(&delivery.key()).await?,
                _ => None,
            };
            if let Some((known, _)) = known {
                delivery.attempts += known.attempts;
                delivery.first_at = known.first_at;
            }
            batch.push(self.collection.put(&delivery, Expect::Any)?);
        }
        self.collection.storage().apply(batch).await?;
        let before = self.notes.fetch_add(count, Ordering::Relaxed);
        match before / LOOK_EVERY == (before + count) / LOOK_EVERY {
            true => Ok(()),
            false => self.forget().await,
        }
    }

    /// One page of the deliveries that `filter` selects, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        filter: &DeliveryFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<Cursor>), StorageError> {
        let index = match &filter.channel {
            Some(_) => "channel",
            None => "recent",
        };
        let query = Query::by_index(index, filter.prefixes(), limit);
        self.collection
            .query(&query.descending().after(after))
            .await
    }

    /// Removes the oldest beyond the limit.
    async fn forget(&self) -> Result<(), StorageError> {
        let over = self.collection.count().await?.saturating_sub(KEPT);
        let over = usize::try_from(over)
            .unwrap_or(REMOVED_AT_ONCE)
            .min(REMOVED_AT_ONCE);
        if over == 0 {
            return Ok(());
        }
        let filter = DeliveryFilter::default();
        let query = Query::by_index("recent", filter.prefixes(), over);
        let (oldest, _) = self.collection.query(&query).await?;
        let mut batch = WriteBatch::default();
        for delivery in oldest {
            batch.push(self.collection.delete(&delivery.key()));
        }
        self.collection.storage().apply(batch).await
    }
}

impl Attempt {
    fn delivery(self, now: Timestamp) -> Delivery {
        let cut = |mut error: String| {
            error.truncate(error.floor_char_boundary(ERROR_LENGTH));
            error
        };
        Delivery {
            channel: self.channel,
            consumer: self.consumer,
            event_id: self.event_id,
            event_type: self.event_type,
            correlation_id: self.correlation_id,
            state: self.state,
            attempts: 1,
            first_at: now,
            at: now,
            error: self.error.map(cut),
        }
    }
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Sent, Self::Retrying, Self::Refused];

    /// The name as it is served.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Retrying => "retrying",
            Self::Refused => "refused",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not a state: write sent, retrying or refused"))
    }
}

impl DeliveryFilter {
    fn prefixes(&self) -> Vec<Vec<String>> {
        let states = match self.states.as_slice() {
            [] => &DeliveryState::ALL[..],
            states => states,
        };
        let channel = self.channel.iter();
        let prefix = |state: &DeliveryState| {
            let state = state.as_str().to_owned();
            channel.clone().cloned().chain([state]).collect()
        };
        states.iter().map(prefix).collect()
    }
}

impl Record for Delivery {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "deliveries",
        indexes: &[
            IndexSpec {
                name: "recent",
                prefix: 1,
            },
            IndexSpec {
                name: "channel",
                prefix: 2,
            },
        ],
    };

    fn key(&self) -> String {
        format!("{}/{}", self.consumer, self.event_id)
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let sort = self.at.as_millis();
        let state = self.state.as_str().to_owned();
        vec![
            Some(IndexEntry {
                prefix: vec![state.clone()],
                sort,
            }),
            Some(IndexEntry {
                prefix: vec![self.channel.clone(), state],
                sort,
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::storage::MemoryStorage;

    fn attempt(channel: &str, event: usize, state: DeliveryState) -> Attempt {
        let failed = state != DeliveryState::Sent;
        Attempt {
            channel: channel.into(),
            consumer: format!("notifier.test/{channel}"),
            event_id: event.to_string(),
            event_type: "incident.created".into(),
            correlation_id: None,
            state,
            error: failed.then(|| "é".repeat(5_000)),
        }
    }

    async fn opened() -> (Deliveries, Arc<ManualClock>) {
        let clock = ManualClock::starting_at(Timestamp::from_millis(1_000));
        let storage = Arc::new(MemoryStorage::default());
        let shared = Arc::<ManualClock>::clone(&clock);
        (Deliveries::open(storage, shared).await.unwrap(), clock)
    }

    #[tokio::test]
    async fn attempts_of_one_notice_are_one_delivery_with_its_last_outcome() {
        let (deliveries, clock) = opened().await;
        for state in [
            DeliveryState::Retrying,
            DeliveryState::Retrying,
            DeliveryState::Sent,
        ] {
            deliveries
                .note(vec![attempt("hook", 1, state)])
                .await
                .unwrap();
            clock.advance(Duration::from_secs(1));
        }
        let page = vec![
            attempt("file", 1, DeliveryState::Sent),
            attempt("file", 2, DeliveryState::Refused),
        ];
        deliveries.note(page).await.unwrap();
        let list =
            async |filter: DeliveryFilter| deliveries.list(&filter, None, 10).await.unwrap().0;
        let all = list(DeliveryFilter::default()).await;
        assert_eq!(all.len(), 3, "{all:?}");
        let hook = DeliveryFilter {
            channel: Some("hook".into()),
            ..DeliveryFilter::default()
        };
        let [hook] = &list(hook).await[..] else {
            panic!("{all:?}")
        };
        assert_eq!(
            (hook.attempts, hook.state, &hook.error),
            (3, DeliveryState::Sent, &None)
        );
        assert_eq!(hook.at.since(hook.first_at), Duration::from_secs(2));
        let refused = DeliveryFilter {
            states: vec![DeliveryState::Refused],
            ..DeliveryFilter::default()
        };
        let [refused] = &list(refused).await[..] else {
            panic!("{all:?}")
        };
        assert_eq!(refused.error.as_ref().map(String::len), Some(ERROR_LENGTH));
    }

    #[tokio::test]
    async fn only_the_newest_are_kept() {
        let (deliveries, clock) = opened().await;
        let kept = usize::try_from(KEPT).unwrap();
        for start in (0..kept + 1_000).step_by(100) {
            clock.advance(Duration::from_secs(1));
            let page =
                (start..start + 100).map(|event| attempt("hook", event, DeliveryState::Sent));
            deliveries.note(page.collect()).await.unwrap();
        }
        let count = deliveries.collection.count().await.unwrap();
        assert!((KEPT..KEPT + 2 * LOOK_EVERY).contains(&count), "{count}");
        let newest = deliveries
            .list(&DeliveryFilter::default(), None, 1)
            .await
            .unwrap()
            .0;
        assert_eq!(newest[0].event_id, (kept + 999).to_string());
    }
}
