//! Reading the log, also without a bus: for programs that look at a storage that no server uses.

use std::sync::Arc;

use tokio::sync::RwLock;

use super::key::SigningKey;
use super::record::Entry;
use super::row::{Head, Row, StoredCheckpoint, key};
use crate::clock::Timestamp;
use crate::storage::{Collection, Cursor, Query, SharedStorage, StorageError, Store};

/// How many entries are read at once.
const PAGE: usize = 500;

/// How many pages are looked through for one page of an answer, where no index fits the filter whole.
const PATIENCE: usize = 10;

/// The log of a storage.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) rows: Collection<Row>,
    pub(super) heads: Collection<Head>,
    pub(super) checkpoints: Collection<StoredCheckpoint>,
    pub(super) key: SigningKey,
    /// Held for reading by exports and for writing by the removal of entries.
    pub(super) removal: Arc<RwLock<()>>,
}

/// Which entries to list; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// What was done.
    pub action: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// The incident that it belongs to.
    pub correlation_id: Option<String>,
    /// Only entries of this moment and later.
    pub from: Option<Timestamp>,
    /// Only entries before this moment.
    pub until: Option<Timestamp>,
}

impl Reader {
    /// Opens the log in `storage`, which `key` signed.
    ///
    /// # Errors
    /// When the storage cannot be read, or the end of the log was changed or written with another key.
    pub async fn open(storage: SharedStorage, key: SigningKey) -> Result<Self, StorageError> {
        let system = Store::new(storage, "system");
        let reader = Self {
            rows: system.collection().await?,
            heads: system.collection().await?,
            checkpoints: system.collection().await?,
            key,
            removal: Arc::default(),
        };
        if reader.head().await?.seq == 0 && reader.rows.count().await? > 0 {
            return Err(StorageError::Corrupt {
                what: "the audit log".into(),
                detail: "its end was removed: restore the database from a backup".into(),
            });
        }
        Ok(reader)
    }

    pub(super) async fn head(&self) -> Result<Head, StorageError> {
        let found = self.heads.get(Head::KEY).await?;
        Head::checked(found.map(|(head, _)| head), &self.key)
    }

    /// One page of the entries that `filter` selects, newest first. A page of a thread that is filtered further may be
    /// short although there is more, which the cursor tells.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>), StorageError> {
        let (index, prefix) = filter.index();
        let mut cursor = after;
        let mut found = Vec::new();
        for _ in 0..PATIENCE {
            let missing = limit - found.len();
            let query = Query {
                from: filter.from.map(Timestamp::as_millis),
                until: filter.until.map(Timestamp::as_millis),
                ..Query::by_index(index, vec![prefix.clone()], missing.min(PAGE))
            };
            let (rows, next) = self.rows.query(&query.descending().after(cursor)).await?;
            let entries = rows.into_iter().map(|row| row.entry);
            found.extend(entries.filter(|entry| filter.selects(entry)));
            cursor = next;
            if cursor.is_none() || found.len() >= limit {
                break;
            }
        }
        Ok((found, cursor))
    }

    /// The number of the oldest entry that is stored.
    pub(super) async fn first(&self) -> Result<Option<u64>, StorageError> {
        let page = self
            .rows
            .storage()
            .query(self.rows.name(), &Query::by_key(1))
            .await?;
        Ok(page
            .documents
            .first()
            .and_then(|found| found.key.parse().ok()))
    }

    /// The newest checkpoint that covers no entry behind `seq`.
    pub(super) async fn checkpoint_at(
        &self,
        seq: u64,
    ) -> Result<Option<StoredCheckpoint>, StorageError> {
        let behind = Cursor {
            sort: 0,
            key: key(seq.saturating_add(1)),
        };
        let query = Query::by_key(1).descending().after(Some(behind));
        Ok(self.checkpoints.query(&query).await?.0.pop())
    }
}

impl AuditFilter {
    /// The index that selects most, and the prefix to look for.
    fn index(&self) -> (&'static str, Vec<String>) {
        match (&self.correlation_id, &self.action, &self.actor) {
            (Some(id), _, _) => ("thread", vec![id.clone()]),
            (None, Some(action), Some(actor)) => {
                ("action_actor", vec![action.clone(), actor.clone()])
            }
            (None, Some(action), None) => ("action", vec![action.clone()]),
            (None, None, Some(actor)) => ("actor", vec![actor.clone()]),
            (None, None, None) => ("recent", Vec::new()),
        }
    }

    /// Whether the entry has what the index does not look at.
    fn selects(&self, entry: &Entry) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        is(&self.action, &entry.action) && is(&self.actor, &entry.actor)
    }
}
