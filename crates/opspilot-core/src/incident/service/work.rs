//! Changes that make a transaction of their own.

use async_trait::async_trait;

use super::super::audit::told;
use super::super::change::apply;
use super::super::flapping;
use super::super::id::IncidentId;
use super::super::record::Incident;
use super::{Change, IncidentError, Incidents};
use crate::bus::{Tx, Work};
use crate::clock::Timestamp;
use crate::storage::Collection;

pub(super) struct Apply {
    pub(super) incidents: Incidents,
    pub(super) id: IncidentId,
    pub(super) change: Change,
    pub(super) actor: String,
    pub(super) reason: Option<String>,
    /// Set for a change that must not happen before the incident's quiet period ended.
    pub(super) due_at: Option<Timestamp>,
    /// What must hold for the incident before it is changed.
    pub(super) is_expected: Box<dyn Fn(&Incident) -> bool + Send>,
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

pub(super) struct Remove {
    pub(super) collection: Collection<Incident>,
    pub(super) ids: Vec<IncidentId>,
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
