//! The one service that changes incidents.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::audit::told;
use super::change::{apply, count_by_rule, entry};
use super::flapping;
use super::id::IncidentId;
use super::record::{Incident, IncidentFilter};
use super::state::{IllegalTransition, Status, Transition};
use crate::bus::{Bus, PublishError, Tx, Work};
use crate::clock::Timestamp;
use crate::event::{
    EnrichmentCompleted, IncidentCleared, IncidentCreated, IncidentRepeated, IncidentUpdated,
};
use crate::safety::audit::Audit;
use crate::storage::{Collection, Cursor, Query, SharedStorage, StorageError, Store};

/// The namespace of the incidents, as the contract names it.
const NAMESPACE: &str = "enricher.incidentStore";

/// Reads and changes incidents; cloning it clones a handle.
///
/// Every change happens inside a transaction of the bus, which also stores the event that tells of it. Methods that
/// take a [`Tx`] are for stages; the others make a transaction of their own.
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
        let query = Query {
            from: filter.since.map(Timestamp::as_millis),
            until: filter.until.map(Timestamp::as_millis),
            ..Query::by_index("recent", filter.prefixes(), limit)
        };
        Ok(self
            .collection
            .query(&query.descending().after(after))
            .await?)
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

    /// The incident `id` as the transaction sees it.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn get_in(
        &self,
        tx: &mut Tx,
        id: &IncidentId,
    ) -> Result<Option<Incident>, StorageError> {
        tx.get(&self.collection, id.as_str()).await
    }

    /// Stores a new incident; false if it is stored already.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn create_in(
        &self,
        tx: &mut Tx,
        event: &IncidentCreated,
    ) -> Result<bool, StorageError> {
        if self.get_in(tx, &event.incident_id).await?.is_some() {
            return Ok(false);
        }
        let incident = Incident::open(event, tx.now());
        tx.put(&self.collection, &incident)?;
        Ok(true)
    }

    /// Counts further signals on an incident. One that was resolved is opened again; one that was closed stays closed.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn repeat_in(
        &self,
        tx: &mut Tx,
        event: &IncidentRepeated,
        actor: &str,
    ) -> Result<(), StorageError> {
        let Some(mut incident) = self.get_in(tx, &event.incident_id).await? else {
            return Ok(());
        };
        incident.occurrences += event.occurrences;
        incident.last_seen_at = incident.last_seen_at.max(event.last_seen_at);
        incident.updated_at = tx.now();
        count_by_rule(&mut incident, event, actor);
        if incident.status == Status::Resolved {
            self.open_again(tx, &mut incident, actor).await?;
        }
        tx.put(&self.collection, &incident)
    }

    /// Resolves an incident whose condition is over. One that flaps stays open until it has been quiet for long enough.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn clear_in(&self, tx: &mut Tx, event: &IncidentCleared) -> Result<(), StorageError> {
        let Some(mut incident) = self.get_in(tx, &event.incident_id).await? else {
            return Ok(());
        };
        if !incident.status.is_active() || incident.flapping.is_some() {
            return Ok(());
        }
        let change = Change::Transition(Transition::Resolve);
        let update = apply(
            &mut incident,
            change,
            &event.cleared_by,
            Some(event.reason.clone()),
            event.cleared_at,
        );
        if let Ok(update) = update {
            self.audit.append_in(tx, told(&update)).await?;
            tx.put(&self.collection, &incident)?;
            tx.emit(update);
        }
        Ok(())
    }

    /// Adds a line to an incident's history; nothing happens if there is no such incident.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn note_in(
        &self,
        tx: &mut Tx,
        id: &IncidentId,
        (action, actor): (&str, &str),
        details: Map<String, Value>,
    ) -> Result<(), StorageError> {
        let Some(mut incident) = self.get_in(tx, id).await? else {
            return Ok(());
        };
        incident.note(entry(tx.now(), action, actor, None, details));
        tx.put(&self.collection, &incident)
    }

    /// Adds what a module found out to an incident.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn enrich_in(
        &self,
        tx: &mut Tx,
        event: &EnrichmentCompleted,
    ) -> Result<(), StorageError> {
        let Some(mut incident) = self.get_in(tx, &event.incident_id).await? else {
            return Ok(());
        };
        let module = &event.enricher_module;
        let data = Value::Object(event.data.clone());
        let first = incident
            .enrichments
            .insert(module.clone(), data.clone())
            .is_none();
        let update = IncidentUpdated {
            incident_id: incident.id.clone(),
            field: format!("enrichments.{module}"),
            old_value: Value::Null,
            new_value: data,
            updated_by: module.clone(),
            updated_at: tx.now(),
            reason: None,
        };
        if first {
            let details = Map::from_iter([("type".to_owned(), json!(event.enrichment_type))]);
            incident.note(entry(tx.now(), "enrichment.added", module, None, details));
        }
        tx.put(&self.collection, &incident)?;
        tx.emit(update);
        Ok(())
    }

    /// Opens a resolved incident again, because its signal was seen again.
    async fn open_again(
        &self,
        tx: &mut Tx,
        incident: &mut Incident,
        actor: &str,
    ) -> Result<(), StorageError> {
        let reason = Some("seen again".to_owned());
        let now = tx.now();
        let was_flapping = incident.flapping.is_some();
        let change = Change::Transition(Transition::Reopen);
        let Ok(update) = apply(incident, change, actor, reason, now) else {
            return Ok(());
        };
        self.audit.append_in(tx, told(&update)).await?;
        if let Some(flaps) = flapping::recognise(incident, actor, now) {
            tx.emit(flaps);
        } else if !was_flapping {
            tx.emit(update);
        }
        Ok(())
    }
}

struct Apply {
    incidents: Incidents,
    id: IncidentId,
    change: Change,
    actor: String,
    reason: Option<String>,
    /// Set for a change that must not happen before the incident's quiet period ended.
    due_at: Option<Timestamp>,
    /// What must hold for the incident before it is changed.
    is_expected: Box<dyn Fn(&Incident) -> bool + Send>,
}

#[async_trait]
impl Work for Apply {
    type Output = Result<Incident, IncidentError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Self {
            incidents,
            id,
            change,
            actor,
            reason,
            due_at,
            is_expected,
        } = self;
        let found = incidents.get_in(tx, &id).await?;
        let mut incident = found.ok_or_else(|| IncidentError::NotFound(id.clone()))?;
        if !is_expected(&incident) {
            return Err(IncidentError::Changed(id));
        }
        if due_at.is_some_and(|now| incident.resolves_at().is_none_or(|due| due > now)) {
            return Ok(incident);
        }
        let reason = reason.or_else(|| due_at.map(|_| flapping::quiet_reason(&incident)));
        let update = apply(&mut incident, change, &actor, reason, tx.now())?;
        incidents.audit.append_in(tx, told(&update)).await?;
        tx.put(&incidents.collection, &incident)?;
        tx.emit(update);
        Ok(incident)
    }
}

struct Remove {
    collection: Collection<Incident>,
    ids: Vec<IncidentId>,
}

#[async_trait]
impl Work for Remove {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        for id in &self.ids {
            tx.delete(&self.collection, id.as_str());
        }
    }
}
