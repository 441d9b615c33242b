//! The stages: every incident passes by, and whatever speaks of an absorbed one is made to speak of its original.

use std::sync::Arc;

use async_trait::async_trait;
use opspilot_core::bus::{Stage, Staged, Tx};
use opspilot_core::error::chain;
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::incident::Incidents;
use opspilot_core::metrics::Counter;
use opspilot_core::module::{Context, HealthReporter, Module as _, RunError, System};
use opspilot_core::storage::{Collection, StorageError};
use tokio::sync::Mutex;
use tracing::error;

use super::group::Group;
use super::rows::{Mark, Row};
use super::window::Window;
use super::{Config, Dedup, INCIDENTS};

/// How many fingerprints are removed at most with one group of events.
const TRIM: usize = 1_024;

/// The stages of all three event types; they share what is known.
#[derive(Debug, Clone)]
pub(super) struct Stages(Arc<Mutex<State>>);

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: Config,
    pub(super) window: Window,
    pub(super) incidents: Incidents,
    pub(super) system: System,
    rows: Collection<Row>,
    marks: Collection<Mark>,
    group: u64,
    totals: Totals,
    health: HealthReporter,
}

#[derive(Debug)]
struct Totals {
    passed: u64,
    suppressed: u64,
    passed_counter: Counter,
    suppressed_counter: Counter,
}

impl Stages {
    /// Opens what an earlier run left.
    pub(super) async fn open(config: Config, cx: &Context) -> Result<Self, RunError> {
        let counter = |outcome| cx.metrics.counter(&INCIDENTS, &[("outcome", outcome)]);
        let mut state = State {
            window: config.window(),
            config,
            incidents: cx.incidents.clone(),
            system: cx.system.clone(),
            rows: cx.store.collection().await?,
            marks: cx.store.collection().await?,
            group: 0,
            totals: Totals {
                passed: 0,
                suppressed: 0,
                passed_counter: counter("passed"),
                suppressed_counter: counter("suppressed"),
            },
            health: cx.health.clone(),
        };
        let mark = state.marks.get(Mark::KEY).await?;
        state.group = mark.map_or(0, |(mark, _)| mark.group);
        Row::load(&state.rows, &mut state.window).await?;
        state.report();
        Ok(Self(Arc::new(Mutex::new(state))))
    }
}

#[async_trait]
impl Stage<IncidentCreated> for Stages {
    async fn process(&mut self, staged: &mut [Staged<IncidentCreated>], tx: &mut Tx) {
        let mut state = self.0.lock().await;
        state.agree(tx).await;
        let mut group = Group::new(&mut state);
        for incident in staged.iter_mut() {
            if group.judge(&incident.event, tx).await {
                incident.absorb();
            }
        }
        let touched = group.tell(tx);
        let suppressed = staged
            .iter()
            .filter(|incident| incident.is_absorbed())
            .count();
        state.totals.count(staged.len(), suppressed);
        state.save(touched, tx);
        state.report();
    }
}

#[async_trait]
impl Stage<IncidentRepeated> for Stages {
    async fn process(&mut self, staged: &mut [Staged<IncidentRepeated>], tx: &mut Tx) {
        let own = |repeated: &Staged<IncidentRepeated>| repeated.source() == Dedup::MANIFEST.id;
        if staged.iter().all(own) {
            return;
        }
        let mut state = self.0.lock().await;
        state.agree(tx).await;
        let mut touched = Vec::new();
        for repeated in staged.iter_mut().filter(|repeated| !own(repeated)) {
            let found = state.window.original_of(&repeated.event.incident_id);
            let Some((fingerprint, original)) = found.map(|(key, id)| (key, id.clone())) else {
                continue;
            };
            repeated.event.incident_id = original;
            let occurrences = repeated.event.occurrences;
            state.window.touch(tx.now(), fingerprint, occurrences);
            touched.push(fingerprint);
        }
        touched.sort_unstable();
        touched.dedup();
        state.save(touched, tx);
    }
}

#[async_trait]
impl Stage<IncidentCleared> for Stages {
    async fn process(&mut self, staged: &mut [Staged<IncidentCleared>], _: &mut Tx) {
        let state = self.0.lock().await;
        for cleared in staged {
            let found = state.window.original_of(&cleared.event.incident_id);
            if let Some(original) = found.map(|(_, original)| original.clone()) {
                cleared.event.incident_id = original;
            }
        }
    }
}

impl State {
    /// Makes memory and storage agree, in case that the transaction of an earlier group was given up.
    async fn agree(&mut self, tx: &mut Tx) {
        let stored = tx.get(&self.marks, Mark::KEY).await;
        let stored = stored.map(|mark| mark.map_or(0, |mark| mark.group));
        let agreed = match stored {
            Ok(group) if group == self.group => Ok(()),
            Ok(group) => self.reload(group).await,
            Err(error) => Err(error),
        };
        if let Err(error) = agreed {
            error!(error = %chain(&error), "cannot read the known fingerprints, going on with those in memory");
        }
        self.group += 1;
        let mark = Mark { group: self.group };
        if let Err(error) = tx.put(&self.marks, &mark) {
            error!(error = %chain(&error), "cannot store the number of a group");
        }
    }

    async fn reload(&mut self, group: u64) -> Result<(), StorageError> {
        let mut window = self.config.window();
        Row::load(&self.rows, &mut window).await?;
        self.window = window;
        self.group = group;
        Ok(())
    }

    /// Stores what changed, and removes what is not needed any more.
    fn save(&mut self, touched: Vec<super::Fingerprint>, tx: &mut Tx) {
        for fingerprint in touched {
            let Some(sighting) = self.window.get(&fingerprint) else {
                continue;
            };
            if let Err(error) = tx.put(&self.rows, &Row::of(&fingerprint, sighting)) {
                error!(error = %chain(&error), "cannot store a fingerprint");
            }
        }
        let capacity = self.config.max_fingerprints;
        for fingerprint in self.window.trim(tx.now(), capacity, TRIM) {
            tx.delete(&self.rows, &fingerprint.to_string());
        }
    }

    fn report(&self) {
        let Totals {
            passed, suppressed, ..
        } = &self.totals;
        let processed = passed + suppressed;
        let rate = match processed {
            0 => "0.0%".to_owned(),
            _ => {
                let mille = suppressed * 1_000 / processed;
                format!("{}.{}%", mille / 10, mille % 10)
            }
        };
        self.health.detail("activeFingerprints", self.window.len());
        self.health.detail("totalProcessed", processed);
        self.health.detail("totalSuppressed", *suppressed);
        self.health.detail("totalPassed", *passed);
        self.health.detail("suppressionRate", rate);
    }
}

impl Totals {
    fn count(&mut self, processed: usize, suppressed: usize) {
        let (passed, suppressed) = ((processed - suppressed) as u64, suppressed as u64);
        self.passed += passed;
        self.suppressed += suppressed;
        self.passed_counter.inc_by(passed);
        self.suppressed_counter.inc_by(suppressed);
    }
}
