//! The service through which people take part in runs, and `action.runbook` carries them out.

mod people;
mod work;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use self::work::{Change, Remove, Start};
use super::machine::{NotNow, Told};
use super::record::{Run, RunState, Runbook};
use crate::bus::{Bus, PublishError};
use crate::clock::Timestamp;
use crate::incident::{IncidentError, IncidentId, Incidents};
use crate::safety::audit::{Audit, Record as AuditRecord};
use crate::storage::{Collection, Cursor, Query, SharedStorage, StorageError, Store};

/// The namespace of the runs.
const NAMESPACE: &str = "action.runbook";

/// Runs of runbooks; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct RunbookRuns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bus: Bus,
    runs: Collection<Run>,
    incidents: Incidents,
    audit: Audit,
    offered: RwLock<Arc<Runbooks>>,
    changes: watch::Sender<u64>,
}

/// The runbooks of the configuration, and how they are carried out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runbooks {
    /// The runbooks, in the order of the configuration.
    pub all: Vec<Runbook>,
    /// True if each executable step is approved for itself.
    pub approves_per_step: bool,
    /// How many runs may go on at the same time.
    pub max_active: usize,
}

/// Why a run was not read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunbookError {
    /// There is no such runbook.
    #[error("there is no runbook `{0}`")]
    NoSuchRunbook(String),
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    /// The change does not fit how far the run has come.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The actor may not do it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Too many runs go on.
    #[error("{0} runs go on already, which is the most that `maxConcurrentRunbooks` allows")]
    Busy(usize),
    /// The incident cannot be read.
    #[error(transparent)]
    Incident(#[from] IncidentError),
    /// The storage does not work.
    #[error("runs cannot be stored or read")]
    Storage(#[from] StorageError),
    /// The change could not be stored.
    #[error("the change could not be stored")]
    Publish(#[from] PublishError),
}

type Step = Box<dyn FnOnce(&mut Run, Timestamp) -> Result<Vec<Told>, NotNow> + Send>;

impl RunbookError {
    /// True if somebody was told no, rather than that something does not work.
    const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::NoSuchRunbook(_)
                | Self::NoSuchRun(_)
                | Self::NotNow(_)
                | Self::Forbidden(_)
                | Self::Busy(_)
        )
    }
}

impl RunbookRuns {
    /// Opens the runs in `storage`; changes go through `bus`, and `audit` tells of what people do.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        incidents: Incidents,
        audit: Audit,
    ) -> Result<Self, StorageError> {
        let runs = Store::new(storage, NAMESPACE).collection().await?;
        Ok(Self(Arc::new(Inner {
            bus,
            runs,
            incidents,
            audit,
            offered: RwLock::default(),
            changes: watch::channel(0).0,
        })))
    }

    /// Replaces the runbooks of the configuration.
    pub fn offer(&self, runbooks: Runbooks) {
        *self
            .0
            .offered
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(runbooks);
        self.changed();
    }

    /// The runbooks of the configuration.
    #[must_use]
    pub fn runbooks(&self) -> Arc<Runbooks> {
        let offered = self
            .0
            .offered
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&offered)
    }

    /// Follows every change of runs and runbooks.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The run `id`.
    ///
    /// # Errors
    /// [`RunbookError::NoSuchRun`], or when the storage cannot be read.
    pub async fn get(&self, id: &str) -> Result<Run, RunbookError> {
        let found = self.0.runs.get(id).await?;
        found
            .map(|(run, _)| run)
            .ok_or_else(|| RunbookError::NoSuchRun(id.to_owned()))
    }

    /// One page of the runs in one of `states` (all if there are none), newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        states: &[RunState],
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Run>, Option<Cursor>), RunbookError> {
        let query = Query::by_index("recent", prefixes(states), limit)
            .descending()
            .after(after);
        Ok(self.0.runs.query(&query).await?)
    }

    /// The newest `limit` runs for an incident, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn of_incident(
        &self,
        incident: &IncidentId,
        limit: usize,
    ) -> Result<Vec<Run>, RunbookError> {
        let prefix = vec![vec![incident.to_string()]];
        let query = Query::by_index("incident", prefix, limit).descending();
        Ok(self.0.runs.query(&query).await?.0)
    }

    /// Starts a runbook for an incident on behalf of a module.
    ///
    /// # Errors
    /// As [`RunbookRuns::start`].
    pub async fn start_as(
        &self,
        runbook: &str,
        incident: &IncidentId,
        actor: &str,
    ) -> Result<Run, RunbookError> {
        let runbooks = self.runbooks();
        let found = runbooks.all.iter().find(|known| known.id == runbook);
        let found = found.ok_or_else(|| RunbookError::NoSuchRunbook(runbook.to_owned()))?;
        let start = Start {
            service: self.clone(),
            runbook: found.clone(),
            approves_per_step: runbooks.approves_per_step,
            max_active: runbooks.max_active,
            incident: incident.clone(),
            actor: actor.to_owned(),
        };
        let run = self.0.bus.transact(actor, start).await??;
        self.changed();
        Ok(run)
    }

    /// Changes a run in the course of events, on behalf of a module.
    ///
    /// # Errors
    /// When there is no such run, the change does not fit, or it cannot be stored.
    pub async fn advance(
        &self,
        id: &str,
        module: &str,
        step: impl FnOnce(&mut Run, Timestamp) -> Result<Vec<Told>, NotNow> + Send + 'static,
    ) -> Result<Run, RunbookError> {
        self.apply(id, module, None, Box::new(step)).await
    }

    /// Up to `limit` runs that have something to do at `now`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Run>, RunbookError> {
        let query = Query {
            until: Some(now.as_millis().saturating_add(1)),
            ..Query::by_index("due", vec![Vec::new()], limit)
        };
        Ok(self.0.runs.query(&query).await?.0)
    }

    /// When, later than `now`, the next run has something to do.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, RunbookError> {
        let query = Query {
            from: Some(now.as_millis().saturating_add(1)),
            ..Query::by_index("due", vec![Vec::new()], 1)
        };
        let (next, _) = self.0.runs.query(&query).await?;
        Ok(next.first().and_then(|run| run.due_at))
    }

    /// How many runs are kept.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn count(&self) -> Result<u64, RunbookError> {
        Ok(self.0.runs.count().await?)
    }

    /// Removes runs that are over, but for the newest `kept`; at most 100 at once. Returns how many were removed.
    ///
    /// # Errors
    /// When the storage cannot be read or written.
    pub async fn prune(&self, kept: u64) -> Result<u64, RunbookError> {
        const PORTION: u64 = 100;
        let over = RunState::ALL.into_iter().filter(|state| state.is_final());
        let excess = self.0.runs.count().await?.saturating_sub(kept).min(PORTION);
        if excess == 0 {
            return Ok(0);
        }
        let over: Vec<_> = over.collect();
        let limit = usize::try_from(excess).unwrap_or(usize::MAX);
        let oldest = Query::by_index("recent", prefixes(&over), limit);
        let (oldest, _) = self.0.runs.query(&oldest).await?;
        let removed = oldest.len() as u64;
        let remove = Remove {
            runs: self.0.runs.clone(),
            ids: oldest.into_iter().map(|run| run.id).collect(),
        };
        self.0.bus.transact(NAMESPACE, remove).await?;
        Ok(removed)
    }

    async fn apply(
        &self,
        id: &str,
        source: &str,
        deed: Option<AuditRecord>,
        step: Step,
    ) -> Result<Run, RunbookError> {
        let change = Change {
            service: self.clone(),
            id: id.to_owned(),
            deed,
            step,
        };
        let run = self.0.bus.transact(source, change).await??;
        self.changed();
        Ok(run)
    }

    fn changed(&self) {
        self.0.changes.send_modify(|count| *count += 1);
    }

    /// How many runs hold a slot, at most `limit`.
    async fn active(&self, limit: usize) -> Result<usize, StorageError> {
        let holding: Vec<_> = RunState::ALL
            .into_iter()
            .filter(|state| state.holds_slot())
            .collect();
        let query = Query::by_index("recent", prefixes(&holding), limit);
        Ok(self.0.runs.query(&query).await?.0.len())
    }
}

fn prefixes(states: &[RunState]) -> Vec<Vec<String>> {
    let all = if states.is_empty() {
        &RunState::ALL[..]
    } else {
        states
    };
    all.iter()
        .map(|state| vec![state.as_str().to_owned()])
        .collect()
}
