//! The transactions of the service.

use async_trait::async_trait;

use super::super::machine::Told;
use super::super::record::{Run, Runbook};
use super::{RunbookError, RunbookRuns, Step};
use crate::bus::{Tx, Work};
use crate::clock::Timestamp;
use crate::event::EventId;
use crate::incident::{IncidentError, IncidentId};
use crate::safety::action::Digest;
use crate::safety::audit::Record as AuditRecord;
use crate::storage::Collection;

/// Starts a run.
pub(super) struct Start {
    pub(super) service: RunbookRuns,
    pub(super) runbook: Runbook,
    pub(super) approves_per_step: bool,
    pub(super) max_active: usize,
    pub(super) incident: IncidentId,
    pub(super) actor: String,
}

#[async_trait]
impl Work for Start {
    type Output = Result<Run, RunbookError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let inner = &self.service.0;
        if inner.incidents.get_in(tx, &self.incident).await?.is_none() {
            return Err(IncidentError::NotFound(self.incident).into());
        }
        if self.service.active(self.max_active).await? >= self.max_active {
            return Err(RunbookError::Busy(self.max_active));
        }
        let id = loop {
            let id = new_id(tx.now());
            if tx.get(&inner.runs, &id).await?.is_none() {
                break id;
            }
        };
        let what = (&self.runbook, self.approves_per_step);
        let (run, started) = Run::start(id, what, (&self.incident, &self.actor), tx.now());
        let deed = AuditRecord::new("runbook.started", &*self.actor)
            .target(&*run.id)
            .detail("runbook", &*run.runbook_id)
            .about(&run.incident_id);
        inner.audit.append_in(tx, deed).await?;
        tx.put(&inner.runs, &run)?;
        emit(tx, vec![started]);
        Ok(run)
    }
}

/// Changes a run, and tells of it.
pub(super) struct Change {
    pub(super) service: RunbookRuns,
    pub(super) id: String,
    pub(super) deed: Option<AuditRecord>,
    pub(super) step: Step,
}

#[async_trait]
impl Work for Change {
    type Output = Result<Run, RunbookError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let inner = &self.service.0;
        let found = tx.get(&inner.runs, &self.id).await?;
        let mut run = found.ok_or(RunbookError::NoSuchRun(self.id))?;
        let told = (self.step)(&mut run, tx.now())?;
        if let Some(deed) = self.deed {
            inner
                .audit
                .append_in(tx, deed.about(&run.incident_id))
                .await?;
        }
        tx.put(&inner.runs, &run)?;
        emit(tx, told);
        Ok(run)
    }
}

/// Removes runs.
pub(super) struct Remove {
    pub(super) runs: Collection<Run>,
    pub(super) ids: Vec<String>,
}

#[async_trait]
impl Work for Remove {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        self.ids.iter().for_each(|id| tx.delete(&self.runs, id));
    }
}

fn emit(tx: &mut Tx, told: Vec<Told>) {
    for told in told {
        match told {
            Told::Started(event) => tx.emit(event),
            Told::Step(event) => tx.emit(event),
            Told::Done(event) => tx.emit(event),
        }
    }
}

/// `RB-` and eight hexadecimal digits, which differ from call to call.
fn new_id(now: Timestamp) -> String {
    let digest = Digest::of(EventId::generate(now).to_string().as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    format!("RB-{a:02x}{b:02x}{c:02x}{d:02x}")
}
