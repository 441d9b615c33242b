//! The stages that write incidents, in the transaction that stores the event.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use opspilot_core::bus::{Stage, Staged, Tx};
use opspilot_core::error::chain;
use opspilot_core::event::{
    EnrichmentCompleted, IncidentCleared, IncidentCreated, IncidentRepeated,
};
use opspilot_core::incident::{IncidentId, Incidents, Severity};
use opspilot_core::metrics::Counter;
use opspilot_core::module::{Context, HealthReporter, HealthStatus};
use opspilot_core::storage::StorageError;
use tracing::error;

use super::{CREATED, FAILED};

/// The stages of all event types; cloning clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    incidents: Incidents,
    created: Arc<[(Severity, Counter); 3]>,
    failed: Counter,
    enrichments: Arc<AtomicU64>,
    health: HealthReporter,
}

impl Stages {
    pub(super) fn new(cx: &Context) -> Self {
        let counter = |severity: Severity| {
            let labels = [("severity", severity.as_str())];
            (severity, cx.metrics.counter(&CREATED, &labels))
        };
        Self {
            incidents: cx.incidents.clone(),
            created: Arc::new(Severity::ALL.map(counter)),
            failed: cx.metrics.counter(&FAILED, &[]),
            enrichments: Arc::default(),
            health: cx.health.clone(),
        }
    }

    /// How many enrichments were applied.
    pub(super) fn enrichments(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.enrichments)
    }

    fn count_created(&self, severity: Severity) {
        if let Some((_, counter)) = self.created.iter().find(|(of, _)| *of == severity) {
            counter.inc();
        }
    }

    /// A fault that may pass is waited out before it comes here, so this is damage, or the bus closes.
    fn note(&self, id: &IncidentId, outcome: Result<(), StorageError>) {
        let Err(failure) = outcome else { return };
        error!(incident = %id, error = %chain(&failure), "incident could not be changed");
        self.failed.inc();
        let message = format!("cannot change incident `{id}`: {}", chain(&failure));
        self.health
            .raise("incident", HealthStatus::Degraded, message);
    }
}

#[async_trait]
impl Stage<IncidentCreated> for Stages {
    /// An incident that is stored already is absorbed, so that nobody hears of it twice.
    async fn process(&mut self, staged: &mut [Staged<IncidentCreated>], tx: &mut Tx) {
        for incident in staged {
            match self.incidents.create_in(tx, &incident.event).await {
                Ok(true) => self.count_created(incident.event.severity),
                Ok(false) => incident.absorb(),
                Err(error) => self.note(&incident.event.incident_id, Err(error)),
            }
        }
    }
}

#[async_trait]
impl Stage<IncidentRepeated> for Stages {
    async fn process(&mut self, staged: &mut [Staged<IncidentRepeated>], tx: &mut Tx) {
        for repeated in staged {
            let actor = repeated.source();
            let outcome = self.incidents.repeat_in(tx, &repeated.event, actor).await;
            self.note(&repeated.event.incident_id, outcome);
        }
    }
}

#[async_trait]
impl Stage<IncidentCleared> for Stages {
    async fn process(&mut self, staged: &mut [Staged<IncidentCleared>], tx: &mut Tx) {
        for cleared in staged {
            let outcome = self.incidents.clear_in(tx, &cleared.event).await;
            self.note(&cleared.event.incident_id, outcome);
        }
    }
}

#[async_trait]
impl Stage<EnrichmentCompleted> for Stages {
    async fn process(&mut self, staged: &mut [Staged<EnrichmentCompleted>], tx: &mut Tx) {
        for enrichment in staged {
            let outcome = self.incidents.enrich_in(tx, &enrichment.event).await;
            if outcome.is_ok() {
                self.enrichments.fetch_add(1, Ordering::Relaxed);
            }
            self.note(&enrichment.event.incident_id, outcome);
        }
    }
}
