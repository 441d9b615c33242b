//! What waits to be proposed, and what was: one row for each incident and rule, so that each pair is proposed once.

use std::collections::BTreeSet;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::IncidentId;
use opspilot_core::module::Context;
use opspilot_core::storage::{
    Collection, CollectionSpec, IndexEntry, IndexSpec, Query, Record, StorageError, WriteBatch,
};
use serde::{Deserialize, Serialize};

/// How many rows are read at once.
const PAGE: usize = 500;

/// How long the row of a pair that is over is kept, in milliseconds: its incident's event may be seen again for a while.
const KEPT_MILLIS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// A rule that matched an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pending {
    pub(super) incident: IncidentId,
    pub(super) rule: String,
    pub(super) stage: Stage,
    /// When it is proposed; later, when it was last changed.
    pub(super) at: Timestamp,
    /// How many times it could not be proposed.
    pub(super) attempts: u32,
    /// The proposal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<String>,
}

/// Where a pair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Stage {
    /// It is proposed at its time, unless the incident is over by then.
    Waiting,
    /// The proposal waits for a decision.
    Proposed,
    /// Nothing is left to do.
    Over,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Proposed => "proposed",
            Self::Over => "over",
        }
    }
}

impl Record for Pending {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "pending",
        indexes: &[
            IndexSpec {
                name: "stage",
                prefix: 1,
            },
            IndexSpec {
                name: "incident",
                prefix: 1,
            },
            IndexSpec {
                name: "request",
                prefix: 1,
            },
        ],
    };

    fn key(&self) -> String {
        key(&self.incident, &self.rule)
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let entry = |prefix: String| IndexEntry {
            prefix: vec![prefix],
            sort: self.at.as_millis(),
        };
        vec![
            Some(entry(self.stage.as_str().to_owned())),
            Some(entry(self.incident.to_string())),
            self.request.clone().map(entry),
        ]
    }
}

/// The length keeps two pairs apart whatever their names hold.
fn key(incident: &IncidentId, rule: &str) -> String {
    let incident = incident.as_str();
    format!("{}:{incident}:{rule}", incident.len())
}

/// The rows.
#[derive(Debug)]
pub(super) struct Book {
    rows: Collection<Pending>,
    /// The proposals that wait for a decision.
    open: BTreeSet<String>,
}

impl Book {
    /// Opens what an earlier run left.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(super) async fn open(cx: &Context) -> Result<Self, StorageError> {
        let mut book = Self {
            rows: cx.store.collection().await?,
            open: BTreeSet::new(),
        };
        let proposed = book.all("stage", Stage::Proposed.as_str()).await?;
        book.open = proposed.into_iter().filter_map(|row| row.request).collect();
        Ok(book)
    }

    /// How many proposals wait for a decision.
    pub(super) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// True if the pair has a row.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(super) async fn has(
        &self,
        incident: &IncidentId,
        rule: &str,
    ) -> Result<bool, StorageError> {
        Ok(self.rows.get(&key(incident, rule)).await?.is_some())
    }

    /// Stores a row.
    ///
    /// # Errors
    /// When the storage cannot be written.
    pub(super) async fn save(&mut self, row: &Pending) -> Result<(), StorageError> {
        self.rows.save(row).await?;
        if let Some(request) = &row.request {
            match row.stage {
                Stage::Proposed => self.open.insert(request.clone()),
                Stage::Waiting | Stage::Over => self.open.remove(request),
            };
        }
        Ok(())
    }

    /// The row that waits for the earliest time.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(super) async fn next(&self) -> Result<Option<Pending>, StorageError> {
        let query = Query::by_index("stage", vec![vec![Stage::Waiting.as_str().to_owned()]], 1);
        Ok(self.rows.query(&query).await?.0.pop())
    }

    /// The rows of `incident`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(super) async fn of_incident(
        &self,
        incident: &IncidentId,
    ) -> Result<Vec<Pending>, StorageError> {
        self.all("incident", incident.as_str()).await
    }

    /// The row of a proposal.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub(super) async fn of_request(&self, request: &str) -> Result<Option<Pending>, StorageError> {
        Ok(self.all("request", request).await?.pop())
    }

    /// Removes some of what has been over for long.
    ///
    /// # Errors
    /// When the storage does not work.
    pub(super) async fn prune(&self, now: Timestamp) -> Result<(), StorageError> {
        let query = Query {
            until: Some(now.as_millis().saturating_sub(KEPT_MILLIS)),
            ..Query::by_index("stage", vec![vec![Stage::Over.as_str().to_owned()]], PAGE)
        };
        let (old, _) = self.rows.query(&query).await?;
        if old.is_empty() {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        for row in &old {
            batch.push(self.rows.delete(&row.key()));
        }
        self.rows.storage().apply(batch).await
    }

    async fn all(&self, index: &'static str, prefix: &str) -> Result<Vec<Pending>, StorageError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let query = Query::by_index(index, vec![vec![prefix.to_owned()]], PAGE);
            let (page, next) = self.rows.query(&query.after(after)).await?;
            all.extend(page);
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }
}
