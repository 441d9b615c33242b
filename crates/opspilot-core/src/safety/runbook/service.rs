//! The service through which people take part in runs, and `action.runbook` carries them out.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::watch;

use super::machine::{NotNow, Told};
use super::record::{Run, RunState, Runbook};
use crate::bus::{Bus, PublishError, Tx, Work};
use crate::clock::Timestamp;
use crate::event::EventId;
use crate::incident::{IncidentError, IncidentId, Incidents};
use crate::safety::audit::{Audit, Record as AuditRecord};
use crate::safety::identity::{Identity, Kind, Role};
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

/// Whose change it is, as the audit log names it; `None` for the course of events.
type Deed = Option<AuditRecord>;

type Step = Box<dyn FnOnce(&mut Run, Timestamp) -> Result<Vec<Told>, NotNow> + Send>;

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

    /// Starts a runbook for an incident on behalf of `actor`.
    ///
    /// # Errors
    /// When there is no such runbook or incident, the actor may not, too many runs go on, or it cannot be stored.
    pub async fn start(
        &self,
        runbook: &str,
        incident: &IncidentId,
        actor: &Identity,
    ) -> Result<Run, RunbookError> {
        allow(actor)?;
        self.start_as(runbook, incident, actor.subject()).await
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

    /// Lets a run wait until somebody resumes it.
    ///
    /// # Errors
    /// When there is no such run, it is over, the actor may not, or it cannot be stored.
    pub async fn pause(
        &self,
        id: &str,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        let subject = actor.subject().to_owned();
        self.by_person(
            id,
            ("runbook.paused", None),
            actor,
            reason,
            move |run, _, now| {
                if !run.state.holds_slot() {
                    return Err(NotNow(format!("run `{}` is {}", run.id, run.state)));
                }
                run.pause(format!("paused by {subject}"), now);
                Ok(Vec::new())
            },
        )
        .await
    }

    /// Lets a paused run go on. A step whose outcome is unknown begins again, with an approval of its own.
    ///
    /// # Errors
    /// When there is no such run, it is not paused, the actor may not, or it cannot be stored.
    pub async fn resume(
        &self,
        id: &str,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        self.by_person(
            id,
            ("runbook.resumed", None),
            actor,
            reason,
            |run, _, now| run.resume(now).map(|()| Vec::new()),
        )
        .await
    }

    /// Ends a run.
    ///
    /// # Errors
    /// When there is no such run, it is over, the actor may not, or it cannot be stored.
    pub async fn abort(
        &self,
        id: &str,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        let subject = actor.subject().to_owned();
        self.by_person(
            id,
            ("runbook.aborted", None),
            actor,
            reason,
            move |run, _, now| {
                if run.state.is_final() {
                    return Err(NotNow(format!("run `{}` is {}", run.id, run.state)));
                }
                Ok(run.end(RunState::Cancelled, format!("aborted by {subject}"), now))
            },
        )
        .await
    }

    /// Leaves the step at hand out, counted from 0.
    ///
    /// # Errors
    /// When there is no such run, the step is not at hand or under way, the actor may not, or it cannot be stored.
    pub async fn skip(
        &self,
        id: &str,
        step: usize,
        actor: &Identity,
        reason: Option<String>,
    ) -> Result<Run, RunbookError> {
        let subject = actor.subject().to_owned();
        let deed = ("runbook.stepSkipped", Some(step));
        self.by_person(id, deed, actor, reason, move |run, reason, now| {
            run.skip_step(step, (&subject, reason), now)
        })
        .await
    }

    /// Says that the step at hand is done, or approves going on. Only people approve.
    ///
    /// # Errors
    /// When there is no such run, the step is not at hand or not for a person, the actor may not, or it cannot be stored.
    pub async fn complete_step(
        &self,
        id: &str,
        step: usize,
        actor: &Identity,
        note: Option<String>,
    ) -> Result<Run, RunbookError> {
        let run = self.get(id).await?;
        let is_approval = run
            .steps
            .get(step)
            .is_some_and(|found| found.step.asks_a_person());
        if is_approval && actor.kind() != Kind::Human {
            return Err(RunbookError::Forbidden("only people approve"));
        }
        let subject = actor.subject().to_owned();
        let deed = ("runbook.stepCompleted", Some(step));
        self.by_person(id, deed, actor, note, move |run, note, now| {
            run.complete_step(step, (&subject, note), now)
        })
        .await
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

    async fn by_person(
        &self,
        id: &str,
        (action, step): (&'static str, Option<usize>),
        actor: &Identity,
        reason: Option<String>,
        change: impl FnOnce(&mut Run, Option<&str>, Timestamp) -> Result<Vec<Told>, NotNow>
        + Send
        + 'static,
    ) -> Result<Run, RunbookError> {
        allow(actor)?;
        let mut deed = AuditRecord::new(action, actor.subject()).target(id);
        if let Some(step) = step {
            deed = deed.detail("step", step);
        }
        if let Some(reason) = &reason {
            deed = deed.detail("reason", reason.as_str());
        }
        let change: Step = Box::new(move |run, now| change(run, reason.as_deref(), now));
        self.apply(id, actor.subject(), Some(deed), change).await
    }

    async fn apply(
        &self,
        id: &str,
        source: &str,
        deed: Deed,
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

/// Runs are for operators; what they change still needs an approval.
fn allow(actor: &Identity) -> Result<(), RunbookError> {
    if actor.role() < Role::Operator {
        return Err(RunbookError::Forbidden("only operators take part in runs"));
    }
    Ok(())
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

fn emit(tx: &mut Tx, told: Vec<Told>) {
    for told in told {
        match told {
            Told::Started(event) => tx.emit(event),
            Told::Step(event) => tx.emit(event),
            Told::Done(event) => tx.emit(event),
        }
    }
}

struct Start {
    service: RunbookRuns,
    runbook: Runbook,
    approves_per_step: bool,
    max_active: usize,
    incident: IncidentId,
    actor: String,
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

struct Change {
    service: RunbookRuns,
    id: String,
    deed: Deed,
    step: Step,
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

struct Remove {
    runs: Collection<Run>,
    ids: Vec<String>,
}

#[async_trait]
impl Work for Remove {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        self.ids.iter().for_each(|id| tx.delete(&self.runs, id));
    }
}

/// `RB-` and eight hexadecimal digits, which differ from call to call.
fn new_id(now: Timestamp) -> String {
    let digest = crate::safety::action::Digest::of(EventId::generate(now).to_string().as_bytes());
    let [a, b, c, d, ..] = *digest.as_bytes();
    format!("RB-{a:02x}{b:02x}{c:02x}{d:02x}")
}
