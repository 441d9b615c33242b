//! The task of the module: it gives every run its turn when something happened or is due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::bus::{Consumer, DeliveryError};
use opspilot_core::error::chain;
use opspilot_core::event::{
    ActionApproved, ActionDenied, ActionExecuted, ActionWithdrawn, Envelope, RunbookCompleted,
};
use opspilot_core::module::{Context, HealthStatus, RunError};
use opspilot_core::safety::runbook::{Run, RunState, RunbookError, RunbookRuns};
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::Settings;
use super::drive::Driver;
use super::totals::Totals;

/// The longest sleep, so that a clock that was set is noticed.
const LONGEST: Duration = Duration::from_mins(10);

/// How many runs get a turn before events are read again.
const PORTION: usize = 100;

/// How long to wait after the storage did not work.
const RETRY: Duration = Duration::from_secs(5);

/// How many runs may report the end of their turn before they wait.
const REPORTS: usize = 64;

/// Gives turns.
pub(super) struct Engine<'a> {
    news: Consumer,
    driver: Driver,
    runs: RunbookRuns,
    settings: Settings,
    cx: &'a Context,
    /// The runs that have their turn; true for those that get another.
    busy: HashMap<String, bool>,
    /// The ends of turns.
    ended: mpsc::Receiver<String>,
    end: mpsc::Sender<String>,
    changes: watch::Receiver<u64>,
    totals: Totals,
}

impl<'a> Engine<'a> {
    pub(super) fn new(news: Consumer, settings: Settings, cx: &'a Context) -> Self {
        let (end, ended) = mpsc::channel(REPORTS);
        Self {
            news,
            driver: Driver::new(cx),
            runs: cx.runbooks.clone(),
            settings,
            cx,
            busy: HashMap::new(),
            ended,
            end,
            changes: cx.runbooks.changes(),
            totals: Totals::new(cx),
        }
    }

    pub(super) async fn run(mut self) -> Result<(), RunError> {
        let cancel = self.cx.cancel.clone();
        while !cancel.is_cancelled() {
            let wait = self.dispatch().await;
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                Some(run) = self.ended.recv() => self.over(&run),
                page = self.news.next(&cancel) => {
                    let Some(page) = page?.map(<[_]>::to_vec) else { break };
                    let outcome = self.follow(&page).await;
                    self.news.settle(outcome, &cancel).await?;
                }
                changed = self.changes.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(wait) => {}
            }
        }
        // Stores the place.
        self.news.next(&cancel).await?;
        Ok(())
    }

    /// Gives a turn to every run that is due, and says how long there is nothing to do.
    async fn dispatch(&mut self) -> Duration {
        self.changes.mark_unchanged();
        match self.due().await {
            Ok(wait) => {
                self.cx.health.clear("runs");
                wait
            }
            Err(error) => {
                warn!(error = %chain(&error), "runs are not carried on, trying again");
                let message = format!("cannot carry on runs: {}", chain(&error));
                self.cx
                    .health
                    .raise("runs", HealthStatus::Degraded, message);
                RETRY
            }
        }
    }

    async fn due(&mut self) -> Result<Duration, RunbookError> {
        let now = self.cx.clock.now();
        for run in self.runs.due(now, PORTION).await? {
            if !self.busy.contains_key(&run.id) {
                self.give_turn(run.id);
            }
        }
        let later = self.runs.next_due(now).await?;
        Ok(later.map_or(LONGEST, |at| at.since(now).min(LONGEST)))
    }

    fn give_turn(&mut self, run: String) {
        if let Some(again) = self.busy.get_mut(&run) {
            *again = true;
            return;
        }
        self.busy.insert(run.clone(), false);
        let (driver, end) = (self.driver.clone(), self.end.clone());
        self.cx.tasks.spawn("run", async move {
            driver.drive(&run).await;
            // The engine is gone when the module stops.
            end.send(run).await.ok();
        });
    }

    fn over(&mut self, run: &str) {
        if self.busy.remove(run) == Some(true) {
            self.give_turn(run.to_owned());
        }
    }

    async fn follow(&mut self, page: &[Arc<Envelope>]) -> Result<usize, DeliveryError> {
        let failed = |error: RunbookError| {
            DeliveryError::transient("runs cannot be read now").because(error)
        };
        let decided: Vec<_> = page.iter().filter_map(|event| request_of(event)).collect();
        if !decided.is_empty() {
            for run in self.active().await.map_err(failed)? {
                if decided.iter().any(|request| waits_for(&run, request)) {
                    self.give_turn(run.id);
                }
            }
        }
        if page
            .iter()
            .any(|event| event.payload::<RunbookCompleted>().is_ok())
        {
            self.runs
                .prune(self.settings.max_history)
                .await
                .map_err(failed)?;
        }
        page.iter().for_each(|event| self.totals.note(event));
        let active = self.active().await.map_err(failed)?.len();
        let kept = self.runs.count().await.map_err(failed)?;
        self.totals.present(active as u64, kept, self.cx);
        Ok(page.len())
    }

    async fn active(&self) -> Result<Vec<Run>, RunbookError> {
        let states = [RunState::AwaitingApproval, RunState::Running];
        Ok(self.runs.list(&states, None, 10_000).await?.0)
    }
}

/// The proposal that an event tells of.
fn request_of(event: &Envelope) -> Option<String> {
    if let Ok(event) = event.payload::<ActionApproved>() {
        return Some(event.request_id.clone());
    }
    if let Ok(event) = event.payload::<ActionDenied>() {
        return Some(event.request_id.clone());
    }
    if let Ok(event) = event.payload::<ActionExecuted>() {
        return Some(event.request_id.clone());
    }
    let event = event.payload::<ActionWithdrawn>().ok()?;
    Some(event.request_id.clone())
}

fn waits_for(run: &Run, request: &str) -> bool {
    let mut proposals = run.steps.iter().filter_map(|step| step.proposal.as_ref());
    proposals.any(|proposal| proposal.id == request)
}
