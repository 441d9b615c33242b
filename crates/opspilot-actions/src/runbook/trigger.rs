//! Starts runs for incidents that a runbook is meant for.

use std::sync::Arc;

use opspilot_core::bus::{Consumer, DeliveryError};
use opspilot_core::clock::Clock;
use opspilot_core::error::chain;
use opspilot_core::event::{EnrichmentCompleted, Envelope, IncidentCreated};
use opspilot_core::incident::{Incident, IncidentError, IncidentId, Incidents, Status};
use opspilot_core::metrics::Counter;
use opspilot_core::module::{Context, HealthReporter, HealthStatus, Module as _, RunError};
use opspilot_core::safety::runbook::{RunbookError, RunbookRuns};
use opspilot_core::storage::StorageError;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::matching::Choice;
use super::{NOT_STARTED, Runbook, Settings};

/// Follows incidents and summaries.
pub(super) struct Trigger {
    choice: Choice,
    settings: Settings,
    runs: RunbookRuns,
    incidents: Incidents,
    clock: Arc<dyn Clock>,
    health: HealthReporter,
    not_started: Counter,
    /// How many were not started for want of a slot.
    missed: u64,
}

/// What an event says of an incident.
enum News {
    Created(IncidentId),
    /// A summary names runbooks, the most fitting first.
    Suggested(IncidentId, Vec<String>),
}

impl Trigger {
    pub(super) fn new(choice: Choice, settings: Settings, cx: &Context) -> Self {
        Self {
            choice,
            settings,
            runs: cx.runbooks.clone(),
            incidents: cx.incidents.clone(),
            clock: Arc::clone(&cx.clock),
            health: cx.health.clone(),
            not_started: cx.metrics.counter(&NOT_STARTED, &[]),
            missed: 0,
        }
    }

    pub(super) async fn run(mut self, mut consumer: Consumer, cx: Context) {
        if let Err(failure) = self.work(&mut consumer, &cx.cancel).await {
            let failure = RunError::from(failure);
            error!(error = %chain(&failure), "runbooks do not start by themselves any more");
            let message = format!("runbooks do not start by themselves: {}", chain(&failure));
            cx.health.raise("triggers", HealthStatus::Degraded, message);
        }
    }

    async fn work(
        &mut self,
        consumer: &mut Consumer,
        cancel: &CancellationToken,
    ) -> Result<(), StorageError> {
        while let Some(page) = consumer.next(cancel).await? {
            let Some(first) = page.first().map(Arc::clone) else {
                continue;
            };
            let outcome = self.handle(&first).await.map(|()| 1);
            consumer.settle(outcome, cancel).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, event: &Envelope) -> Result<(), DeliveryError> {
        let Some(news) = News::of(event) else {
            return Ok(());
        };
        let later = |failure: RunbookError| {
            DeliveryError::transient("a runbook cannot be started now").because(failure)
        };
        match self.consider(news).await {
            Ok(()) => Ok(()),
            Err(RunbookError::Incident(IncidentError::NotFound(_))) => Ok(()),
            Err(RunbookError::Busy(limit)) => {
                self.missed(limit);
                Ok(())
            }
            Err(failure) => Err(later(failure)),
        }
    }

    async fn consider(&self, news: News) -> Result<(), RunbookError> {
        let incident = self.incidents.get(news.incident()).await?;
        if matches!(incident.status, Status::Resolved | Status::Closed) {
            return Ok(());
        }
        let Some(runbook) = self.chosen(&news, &incident) else {
            return Ok(());
        };
        if !self.is_time(&news).await? {
            return Ok(());
        }
        let actor = Runbook::MANIFEST.id;
        let run = self.runs.start_as(&runbook, &incident.id, actor).await?;
        info!(run = run.id, runbook, incident = %incident.id, "runbook started");
        Ok(())
    }

    fn chosen(&self, news: &News, incident: &Incident) -> Option<String> {
        match news {
            News::Created(_) => self.choice.best(incident).map(str::to_owned),
            News::Suggested(_, ids) if self.choice.covers(incident.severity) => {
                let known = self.runs.runbooks();
                let is_known = |id: &&String| known.all.iter().any(|one| one.id == **id);
                ids.iter().find(is_known).cloned()
            }
            News::Suggested(..) => None,
        }
    }

    /// One run at a time for an incident, with a pause in between. That an incident was created is told once, so a run
    /// that it has already was started for the same news.
    async fn is_time(&self, news: &News) -> Result<bool, RunbookError> {
        let newest = self.runs.of_incident(news.incident(), 1).await?;
        let Some(newest) = newest.first() else {
            return Ok(true);
        };
        let News::Suggested(..) = news else {
            return Ok(false);
        };
        let pause_ends = newest
            .ended_at
            .map(|ended| ended.plus(self.settings.cooldown));
        Ok(pause_ends.is_some_and(|end| end <= self.clock.now()))
    }

    fn missed(&mut self, limit: usize) {
        self.missed += 1;
        self.not_started.inc();
        warn!(limit, "a runbook was not started: too many go on");
        let message = format!(
            "{} runbooks were not started, because maxConcurrentRunbooks ({limit}) went on: end some, and start them by hand",
            self.missed
        );
        self.health.raise("slots", HealthStatus::Degraded, message);
    }
}

impl News {
    fn of(event: &Envelope) -> Option<Self> {
        if let Ok(created) = event.payload::<IncidentCreated>() {
            return Some(Self::Created(created.incident_id.clone()));
        }
        let enrichment = event.payload::<EnrichmentCompleted>().ok()?;
        if enrichment.enrichment_type != "ai-summary" {
            return None;
        }
        let suggested = enrichment.data.get("suggestedRunbooks")?.as_array()?;
        let id = |one: &Value| Some(one.get("id")?.as_str()?.to_owned());
        let ids = suggested.iter().filter_map(id).collect();
        Some(Self::Suggested(enrichment.incident_id.clone(), ids))
    }

    const fn incident(&self) -> &IncidentId {
        match self {
            Self::Created(id) | Self::Suggested(id, _) => id,
        }
    }
}
