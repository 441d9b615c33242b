//! What happens to stored incidents without anyone's doing: they resolve when quiet, and are removed when old.
//!
//! Nothing here is on the way of an event. The work is looked for when the journal has grown, at most once in
//! [`PAUSE`], and when the next incident is due; in between the task sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::error::chain;
use opspilot_core::incident::{IncidentError, Incidents};
use opspilot_core::metrics::{Counter, Gauge};
use opspilot_core::module::{Context, HealthStatus, Module as _, RunError};
use opspilot_core::resilience::{Backoff, BackoffPolicy};
use tokio::time::sleep;
use tracing::warn;

use super::retention::Retention;
use super::{Config, IncidentStore, RESOLVED, STORED};

/// The shortest time between two looks at the store while events come in.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest sleep, so that a clock that was set is noticed.
const LONGEST: Duration = Duration::from_hours(1);

/// How many incidents are resolved before the next look.
const PORTION: usize = 500;

const RETRY: BackoffPolicy =
    BackoffPolicy::endless(Duration::from_millis(500), Duration::from_secs(30));

/// The task of the module.
pub(super) struct Upkeep<'a> {
    cx: &'a Context,
    incidents: &'a Incidents,
    retention: Retention<'a>,
    enrichments: Arc<AtomicU64>,
    resolved: Counter,
    stored: Gauge,
}

impl<'a> Upkeep<'a> {
    pub(super) fn new(config: Config, cx: &'a Context, enrichments: Arc<AtomicU64>) -> Self {
        Self {
            cx,
            incidents: &cx.incidents,
            retention: Retention::new(config, cx),
            enrichments,
            resolved: cx.metrics.counter(&RESOLVED, &[]),
            stored: cx.metrics.gauge(&STORED, &[]),
        }
    }

    pub(super) async fn run(&self) -> Result<(), RunError> {
        let mut head = self.cx.system.bus().journal().watch();
        let mut backoff = RETRY.start();
        while !self.cx.cancel.is_cancelled() {
            head.mark_unchanged();
            let wait = match self.look().await {
                Ok(next) => {
                    backoff.reset();
                    self.cx.health.clear("upkeep");
                    self.until(next)
                }
                Err(error) => self.trouble(&error, &mut backoff),
            };
            tokio::select! {
                () = self.cx.cancel.cancelled() => break,
                () = sleep(wait) => continue,
                changed = head.changed() => if changed.is_err() { break },
            }
            tokio::select! {
                () = self.cx.cancel.cancelled() => break,
                () = sleep(PAUSE.min(wait)) => {}
            }
        }
        Ok(())
    }

    /// Does what is to be done now, and says when there is something to do next.
    async fn look(&self) -> Result<Option<Timestamp>, IncidentError> {
        self.resolve_quiet().await?;
        let expiry = self
            .retention
            .apply(self.cx.clock.now(), &self.cx.cancel)
            .await?;
        let stored = self.incidents.count().await?;
        self.stored.set(i64::try_from(stored).unwrap_or(i64::MAX));
        self.cx.health.detail("incidentsStored", stored);
        let enrichments = self.enrichments.load(Ordering::Relaxed);
        self.cx.health.detail("enrichmentsApplied", enrichments);
        let quiet = self.incidents.next_due().await?;
        Ok([quiet, expiry].into_iter().flatten().min())
    }

    async fn resolve_quiet(&self) -> Result<(), IncidentError> {
        let now = self.cx.clock.now();
        // The index holds the moments at which incidents become due; one that is due right now counts.
        let until = now.plus(Duration::from_millis(1));
        for incident in self.incidents.due(until, PORTION).await? {
            if self.cx.cancel.is_cancelled() {
                break;
            }
            let actor = IncidentStore::MANIFEST.id;
            self.incidents
                .resolve_quiet(&incident.id, now, actor)
                .await?;
            self.resolved.inc();
        }
        Ok(())
    }

    fn until(&self, next: Option<Timestamp>) -> Duration {
        next.map_or(LONGEST, |next| next.since(self.cx.clock.now()).min(LONGEST))
    }

    fn trouble(&self, error: &IncidentError, backoff: &mut Backoff) -> Duration {
        warn!(error = %chain(error), "incidents could not be looked after, trying again");
        let message = format!("cannot look after incidents: {}", chain(error));
        self.cx
            .health
            .raise("upkeep", HealthStatus::Degraded, message);
        backoff.next_delay().unwrap_or(LONGEST)
    }
}
