//! The one service that changes incidents.

mod staged;
mod work;

use self::work::{Apply, Remove};
use super::id::IncidentId;
use super::record::{Incident, IncidentFilter};
use super::state::{IllegalTransition, Transition};
use crate::bus::{Bus, PublishError};
use crate::clock::Timestamp;
use crate::safety::audit::Audit;
use crate::storage::{Collection, Cursor, Page, Query, SharedStorage, StorageError, Store};

/// The namespace of the incidents, as the contract names it.
const NAMESPACE: &str = "enricher.incidentStore";

/// Reads and changes incidents; cloning it clones a handle.
///
/// Every change happens inside a transaction of the bus, which also stores the event that tells of it. Methods that
/// take a [`Tx`](crate::bus::Tx) are for stages; the others make a transaction of their own.
#[derive(Debug, Clone)]
pub struct Incidents {
    bus: Bus,
    collection: Collection<Incident>,
    audit: Audit,
}

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Another status.
    Transition(Transition),
    /// Another assignee; `None` for nobody.
    Assign(Option<String>),
    /// A remark in the timeline.
    Comment(String),
}

/// Why an incident was not read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IncidentError {
    /// There is no such incident.
    #[error("there is no incident `{0}`")]
    NotFound(IncidentId),
    /// The state machine does not allow the change.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The incident is not as the caller expects; somebody else changed it.
    #[error("incident `{0}` was changed meanwhile")]
    Changed(IncidentId),
    /// The storage does not work.
    #[error("incidents cannot be stored or read")]
    Storage(#[from] StorageError),
    /// The change could not be stored.
    #[error("the change could not be stored")]
    Publish(#[from] PublishError),
}

impl Incidents {
    /// Opens the incidents in `storage`; changes go through `bus`, and `audit` tells of each.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        audit: Audit,
    ) -> Result<Self, StorageError> {
        let collection = Store::new(storage, NAMESPACE).collection().await?;
        Ok(Self {
            bus,
            collection,
            audit,
        })
    }

    /// The incident `id`.
    ///
    /// # Errors
    /// [`IncidentError::NotFound`], or when the storage cannot be read.
    pub async fn get(&self, id: &IncidentId) -> Result<Incident, IncidentError> {
        let found = self.collection.get(id.as_str()).await?;
        found
            .map(|(incident, _)| incident)
            .ok_or_else(|| IncidentError::NotFound(id.clone()))
    }

    /// One page of the incidents that `filter` selects, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        filter: &IncidentFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Incident>, Option<Cursor>), IncidentError> {
        let query = recent(filter, after, limit);
        Ok(self.collection.query(&query).await?)
    }

    /// As [`Incidents::list`], in the form in which they are stored: that of [`Incident`] as JSON. Costs a third.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list_stored(
        &self,
        filter: &IncidentFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, IncidentError> {
        let query = recent(filter, after, limit);
        Ok(self.collection.documents(&query).await?)
    }

    /// Up to `limit` incidents whose quiet period ended before `now`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Incident>, IncidentError> {
        let query = Query {
            until: Some(now.as_millis()),
            ..Query::by_index("due", vec![Vec::new()], limit)
        };
        Ok(self.collection.query(&query).await?.0)
    }

    /// When the next incident resolves by itself; `None` when none does.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, IncidentError> {
        let (next, _) = self
            .collection
            .query(&Query::by_index("due", vec![Vec::new()], 1))
            .await?;
        Ok(next.first().and_then(Incident::resolves_at))
    }

    /// Up to `limit` incidents that `filter` selects, created before `until`, oldest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn oldest(
        &self,
        filter: &IncidentFilter,
        until: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<Incident>, IncidentError> {
        let until = [until, filter.until].into_iter().flatten().min();
        let query = Query {
            from: filter.since.map(Timestamp::as_millis),
            until: until.map(Timestamp::as_millis),
            ..Query::by_index("recent", filter.prefixes(), limit)
        };
        Ok(self.collection.query(&query).await?.0)
    }

    /// How many incidents are stored.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn count(&self) -> Result<u64, IncidentError> {
        Ok(self.collection.count().await?)
    }

    /// Changes the incident `id` on behalf of `actor` and returns it as stored.
    ///
    /// # Errors
    /// [`IncidentError::NotFound`], [`IncidentError::Illegal`], or when the change cannot be stored.
    pub async fn change(
        &self,
        id: &IncidentId,
        change: Change,
        actor: &str,
        reason: Option<String>,
    ) -> Result<Incident, IncidentError> {
        self.change_if(id, change, actor, reason, |_| true).await
    }

    /// Changes the incident `id` as [`Incidents::change`] does, if `is_expected` holds for the incident as it is in the
    /// transaction that changes it.
    ///
    /// # Errors
    /// [`IncidentError::Changed`] when it does not hold; otherwise as [`Incidents::change`].
    pub async fn change_if(
        &self,
        id: &IncidentId,
        change: Change,
        actor: &str,
        reason: Option<String>,
        is_expected: impl Fn(&Incident) -> bool + Send + 'static,
    ) -> Result<Incident, IncidentError> {
        let work = Apply {
            incidents: self.clone(),
            id: id.clone(),
            change,
            actor: actor.to_owned(),
            reason,
            due_at: None,
            is_expected: Box::new(is_expected),
        };
        self.bus.transact(actor, work).await?
    }

    /// Resolves the incident `id` on behalf of `actor` if it is still active and its quiet period has passed.
    ///
    /// # Errors
    /// As [`Incidents::change`].
    pub async fn resolve_quiet(
        &self,
        id: &IncidentId,
        now: Timestamp,
        actor: &str,
    ) -> Result<(), IncidentError> {
        let work = Apply {
            incidents: self.clone(),
            id: id.clone(),
            change: Change::Transition(Transition::Resolve),
            actor: actor.to_owned(),
            reason: None,
            due_at: Some(now),
            is_expected: Box::new(|_| true),
        };
        match self.bus.transact(actor, work).await? {
            Ok(_) | Err(IncidentError::Illegal(_) | IncidentError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes incidents for good, because their retention ended.
    ///
    /// # Errors
    /// When the removal cannot be stored.
    pub async fn remove(&self, ids: Vec<IncidentId>) -> Result<(), IncidentError> {
        Ok(self
            .bus
            .transact(
                NAMESPACE,
                Remove {
                    collection: self.collection.clone(),
                    ids,
                },
            )
            .await?)
    }
}

fn recent(filter: &IncidentFilter, after: Option<Cursor>, limit: usize) -> Query {
    let query = Query {
        from: filter.since.map(Timestamp::as_millis),
        until: filter.until.map(Timestamp::as_millis),
        ..Query::by_index("recent", filter.prefixes(), limit)
    };
    query.descending().after(after)
}
