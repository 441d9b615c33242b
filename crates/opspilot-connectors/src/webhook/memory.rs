//! What outlives a restart: which incident a sender's thing is, and which deliveries were taken.

use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::IncidentId;
use opspilot_core::module::Context;
use opspilot_core::storage::{
    Collection, CollectionSpec, IndexEntry, IndexSpec, Query, Record, StorageError, WriteBatch,
};
use ring::digest::{Context as Hasher, SHA256};
use serde::{Deserialize, Serialize};

/// How long a delivery is recognised. GitHub lets people send one again for three days.
const DELIVERIES: Duration = Duration::from_hours(96);

/// How long the incident of a thing is known after it was last seen.
const INCIDENTS: Duration = Duration::from_hours(24 * 90);

/// How many rows are forgotten at a time.
const PAGE: usize = 500;

/// One row; its key is a hash, so what senders say bounds nothing and shows nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    /// When it may be forgotten.
    until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incident: Option<IncidentId>,
}

impl Record for Row {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "seen",
        indexes: &[IndexSpec {
            name: "until",
            prefix: 0,
        }],
    };

    fn key(&self) -> String {
        self.key.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        vec![Some(IndexEntry {
            prefix: Vec::new(),
            sort: self.until.as_millis(),
        })]
    }
}

/// The rows.
#[derive(Debug, Clone)]
pub(super) struct Memory(Collection<Row>);

impl Memory {
    pub(super) async fn open(cx: &Context) -> Result<Self, StorageError> {
        Ok(Self(cx.store.collection().await?))
    }

    /// The incident that `identity` of `route` was last.
    pub(super) async fn incident(
        &self,
        route: &str,
        identity: &str,
    ) -> Result<Option<IncidentId>, StorageError> {
        let found = self
            .0
            .get(&key("incident", route, identity.as_bytes()))
            .await?;
        Ok(found.and_then(|(row, _)| row.incident))
    }

    pub(super) async fn remember_incident(
        &self,
        route: &str,
        identity: &str,
        (incident, now): (IncidentId, Timestamp),
    ) -> Result<(), StorageError> {
        let row = Row {
            key: key("incident", route, identity.as_bytes()),
            until: now.plus(INCIDENTS),
            incident: Some(incident),
        };
        self.0.save(&row).await
    }

    /// True if the delivery called `id` was taken.
    pub(super) async fn is_taken(&self, route: &str, id: &[u8]) -> Result<bool, StorageError> {
        Ok(self.0.get(&key("delivery", route, id)).await?.is_some())
    }

    pub(super) async fn remember_delivery(
        &self,
        route: &str,
        id: &[u8],
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let row = Row {
            key: key("delivery", route, id),
            until: now.plus(DELIVERIES),
            incident: None,
        };
        self.0.save(&row).await
    }

    /// Forgets what is old; true if there is more.
    pub(super) async fn forget(&self, now: Timestamp) -> Result<bool, StorageError> {
        let query = Query {
            until: Some(now.as_millis()),
            ..Query::by_index("until", vec![Vec::new()], PAGE)
        };
        let (rows, _) = self.0.query(&query).await?;
        let mut batch = WriteBatch::default();
        for row in &rows {
            batch.push(self.0.delete(&row.key));
        }
        if !rows.is_empty() {
            self.0.storage().apply(batch).await?;
        }
        Ok(rows.len() == PAGE)
    }
}

fn key(kind: &str, route: &str, name: &[u8]) -> String {
    let mut hasher = Hasher::new(&SHA256);
    for part in [kind.as_bytes(), route.as_bytes(), name] {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash = hasher.finish();
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}
