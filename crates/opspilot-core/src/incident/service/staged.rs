//! What stages do to incidents, in the transaction at hand.

use serde_json::{Map, Value, json};

use super::super::audit::told;
use super::super::change::{apply, count_by_rule, entry};
use super::super::flapping;
use super::super::id::IncidentId;
use super::super::record::Incident;
use super::super::state::{Status, Transition};
use super::{Change, Incidents};
use crate::bus::Tx;
use crate::event::{
    EnrichmentCompleted, IncidentCleared, IncidentCreated, IncidentRepeated, IncidentUpdated,
};
use crate::storage::StorageError;

impl Incidents {
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
