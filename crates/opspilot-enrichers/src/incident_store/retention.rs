//! Which incidents are removed, and when.

use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::{
    Incident, IncidentError, IncidentFilter, Incidents, Severity, Status,
};
use opspilot_core::metrics::Counter;
use opspilot_core::module::Context;
use tokio_util::sync::CancellationToken;

use super::{Config, REMOVED};

/// How many incidents are removed in one transaction.
///
/// It is larger than the number of events that the ledger stores in one, so the store shrinks even while events come in
/// as fast as they can be stored.
const PORTION: usize = 2_000;

/// The rules of removal.
pub(super) struct Retention<'a> {
    config: Config,
    incidents: &'a Incidents,
    aged: Counter,
    excess: Counter,
}

impl<'a> Retention<'a> {
    pub(super) fn new(config: Config, cx: &'a Context) -> Self {
        let counter = |reason| cx.metrics.counter(&REMOVED, &[("reason", reason)]);
        Self {
            config,
            incidents: &cx.incidents,
            aged: counter("age"),
            excess: counter("count"),
        }
    }

    /// Removes what is to be removed at `now`, and says when there will be more.
    pub(super) async fn apply(
        &self,
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Result<Option<Timestamp>, IncidentError> {
        self.remove_aged(now, cancel).await?;
        self.remove_excess(cancel).await?;
        self.next_expiry().await
    }

    async fn remove_aged(
        &self,
        now: Timestamp,
        cancel: &CancellationToken,
    ) -> Result<(), IncidentError> {
        let Some(kept) = self.kept() else {
            return Ok(());
        };
        // One that reaches its age right now counts.
        let until = now.minus(kept).plus(Duration::from_millis(1));
        loop {
            let old = self.incidents.oldest(&done(), Some(until), PORTION).await?;
            if old.is_empty() || cancel.is_cancelled() {
                return Ok(());
            }
            self.remove(old, &self.aged).await?;
        }
    }

    async fn remove_excess(&self, cancel: &CancellationToken) -> Result<(), IncidentError> {
        while !cancel.is_cancelled() {
            let excess = self
                .incidents
                .count()
                .await?
                .saturating_sub(self.config.max_incidents);
            let portion = usize::try_from(excess).unwrap_or(PORTION).min(PORTION);
            if portion == 0 {
                break;
            }
            let old = self.least_missed(portion).await?;
            if old.is_empty() {
                break;
            }
            self.remove(old, &self.excess).await?;
        }
        Ok(())
    }

    /// Up to `limit` incidents that are missed least: finished ones, else of the mildest severity, the oldest first.
    async fn least_missed(&self, limit: usize) -> Result<Vec<Incident>, IncidentError> {
        let mild = Severity::ALL.map(|severity| IncidentFilter {
            severities: vec![severity],
            ..IncidentFilter::default()
        });
        for filter in [done()].iter().chain(&mild) {
            let old = self.incidents.oldest(filter, None, limit).await?;
            if !old.is_empty() {
                return Ok(old);
            }
        }
        Ok(Vec::new())
    }

    async fn next_expiry(&self) -> Result<Option<Timestamp>, IncidentError> {
        let Some(kept) = self.kept() else {
            return Ok(None);
        };
        let oldest = self.incidents.oldest(&done(), None, 1).await?;
        Ok(oldest
            .first()
            .map(|incident| incident.created_at.plus(kept)))
    }

    async fn remove(&self, old: Vec<Incident>, counter: &Counter) -> Result<(), IncidentError> {
        let count = old.len() as u64;
        let ids = old.into_iter().map(|incident| incident.id).collect();
        self.incidents.remove(ids).await?;
        counter.inc_by(count);
        Ok(())
    }

    fn kept(&self) -> Option<Duration> {
        (self.config.retention_ms > 0).then(|| Duration::from_millis(self.config.retention_ms))
    }
}

/// Incidents that nobody has to look at any more.
fn done() -> IncidentFilter {
    IncidentFilter {
        statuses: vec![Status::Resolved, Status::Closed],
        ..IncidentFilter::default()
    }
}
