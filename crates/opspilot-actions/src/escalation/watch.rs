//! The task of the module: it follows incidents, and sleeps until something is due.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::bus::{Consumer, DeliveryError};
use opspilot_core::error::chain;
use opspilot_core::event::{Envelope, IncidentCreated, IncidentUpdated};
use opspilot_core::incident::{IncidentId, Status};
use opspilot_core::metrics::{Counter, Gauge};
use opspilot_core::module::{Context, HealthStatus, RunError};
use opspilot_core::resilience::{Backoff, BackoffPolicy};
use opspilot_core::storage::{Query, StorageError};
use serde_json::json;
use tokio::sync::watch;
use tracing::{info, warn};

use super::desk::{Cause, Desk, DeskError, Outcome};
use super::tracked::Tracked;
use super::{EVICTED, TOLD, TRACKED};

/// The longest sleep: who is on call changes, and health says if nobody is.
const LONGEST: Duration = Duration::from_hours(1);

/// How many escalations are looked at before incidents are followed again.
const PORTION: usize = 100;

const RETRY: BackoffPolicy =
    BackoffPolicy::endless(Duration::from_millis(500), Duration::from_secs(30));

/// The task of the module.
pub(super) struct Watch<'a> {
    desk: Desk,
    consumer: Consumer,
    rosters: watch::Receiver<u64>,
    backoff: Backoff,
    cx: &'a Context,
    totals: Totals,
}

/// What happened since the start.
struct Totals {
    escalations: u64,
    repetitions: u64,
    tracked: u64,
    resolved: u64,
    evicted: u64,
    first: Counter,
    again: Counter,
    evictions: Counter,
    present: Gauge,
}

impl<'a> Watch<'a> {
    pub(super) fn new(desk: Desk, consumer: Consumer, cx: &'a Context) -> Self {
        Self {
            rosters: desk.on_call.changes(),
            backoff: RETRY.start(),
            totals: Totals::new(cx),
            desk,
            consumer,
            cx,
        }
    }

    pub(super) async fn run(mut self) -> Result<(), RunError> {
        let cancel = self.cx.cancel.clone();
        self.cx
            .health
            .detail("policies", self.desk.plan.policies.len());
        self.take_up().await?;
        while !cancel.is_cancelled() {
            let wait = self.turn().await;
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                page = self.consumer.next(&cancel) => {
                    let Some(page) = page?.map(<[_]>::to_vec) else { break };
                    let outcome = self.follow(&page).await;
                    self.consumer.settle(outcome, &cancel).await?;
                }
                () = tokio::time::sleep(wait) => {}
                changed = self.rosters.changed() => if changed.is_err() { break },
            }
        }
        // Stores the place.
        self.consumer.next(&cancel).await?;
        Ok(())
    }

    /// Looks again at what other options, or another version, left behind.
    async fn take_up(&mut self) -> Result<(), StorageError> {
        let mut after = None;
        loop {
            let query = Query::by_key(1_000).after(after);
            let (page, next) = self.desk.tracked.query(&query).await?;
            for tracked in page {
                if self.is_as_planned(&tracked) {
                    continue;
                }
                // What fails here is looked at when its time comes.
                if let Ok(outcome) = self.desk.look(&tracked.incident_id, Cause::Time).await {
                    self.note(&tracked.incident_id, &outcome);
                }
            }
            after = next;
            if after.is_none() || self.cx.cancel.is_cancelled() {
                return Ok(());
            }
        }
    }

    fn is_as_planned(&self, tracked: &Tracked) -> bool {
        let plan = &self.desk.plan;
        let policy = plan.policy(&tracked.policy_id);
        policy.is_some_and(|policy| tracked.due(policy, &plan.rules) == tracked.due_at)
    }

    /// Does what is due, and says how long there is nothing to do.
    async fn turn(&mut self) -> Duration {
        let wait = match self.tell().await {
            Ok(wait) => {
                self.backoff.reset();
                self.cx.health.clear("escalating");
                wait
            }
            Err(error) => self.trouble(&error),
        };
        self.check_reach();
        wait
    }

    async fn tell(&mut self) -> Result<Duration, DeskError> {
        let due = self.desk.due(self.cx.clock.now(), PORTION).await?;
        for tracked in due {
            if self.cx.cancel.is_cancelled() {
                break;
            }
            let outcome = self.desk.look(&tracked.incident_id, Cause::Time).await?;
            self.note(&tracked.incident_id, &outcome);
        }
        self.totals
            .present(self.desk.tracked.count().await?, self.cx);
        let next = self.desk.next_due().await?;
        let until = |next: opspilot_core::clock::Timestamp| {
            let wait = next.since(self.cx.clock.now());
            wait.min(self.desk.plan.check_interval)
        };
        Ok(next.map_or(LONGEST, until).min(LONGEST))
    }

    /// Follows as many of the first events as it can, and says how many.
    async fn follow(&mut self, page: &[Arc<Envelope>]) -> Result<usize, DeliveryError> {
        for (done, event) in page.iter().enumerate() {
            if self.cx.cancel.is_cancelled() {
                return Ok(done);
            }
            let Some((id, cause)) = cause_of(event) else {
                continue;
            };
            match self.desk.look(&id, cause).await {
                Ok(outcome) => self.note(&id, &outcome),
                Err(_) if done > 0 => return Ok(done),
                Err(DeskError::Storage(error)) if !error.is_transient() => {
                    let message = format!("incident `{id}` cannot be escalated");
                    return Err(DeliveryError::permanent(message).because(error));
                }
                Err(error) => {
                    let message = format!("incident `{id}` cannot be escalated now");
                    return Err(DeliveryError::transient(message).because(error));
                }
            }
        }
        Ok(page.len())
    }

    fn note(&mut self, id: &IncidentId, outcome: &Outcome) {
        if let Some(told) = &outcome.told {
            info!(incident = %id, level = told.level, repetition = told.repetition, "incident escalated");
        }
        for evicted in &outcome.evicted {
            warn!(incident = %evicted, "incident is no longer escalated, to make room");
        }
        self.totals.note(outcome);
        if !outcome.evicted.is_empty() {
            let message = format!(
                "{} incidents are no longer escalated, because maxTrackedIncidents ({}) was reached",
                self.totals.evicted, self.desk.plan.max_tracked
            );
            self.cx
                .health
                .raise("room", HealthStatus::Degraded, message);
        }
    }

    /// Says which targets reach nobody at present.
    fn check_reach(&self) {
        let now = self.cx.clock.now();
        let levels = self
            .desk
            .plan
            .policies
            .iter()
            .flat_map(|policy| &policy.levels);
        let unreached: BTreeSet<_> = levels
            .flat_map(|level| self.desk.on_call.reach(&level.notify, now).nobody_by)
            .collect();
        if unreached.is_empty() {
            self.cx.health.clear("reach");
            return;
        }
        let targets: Vec<_> = unreached.into_iter().collect();
        let message = format!("nobody is reached by {}", targets.join(", "));
        self.cx
            .health
            .raise("reach", HealthStatus::Degraded, message);
    }

    fn trouble(&mut self, error: &DeskError) -> Duration {
        warn!(error = %chain(error), "escalations are not told, trying again");
        let message = format!("cannot escalate: {}", chain(error));
        self.cx
            .health
            .raise("escalating", HealthStatus::Degraded, message);
        self.backoff.next_delay().unwrap_or(LONGEST)
    }
}

impl Totals {
    fn new(cx: &Context) -> Self {
        let totals = Self {
            escalations: 0,
            repetitions: 0,
            tracked: 0,
            resolved: 0,
            evicted: 0,
            first: cx.metrics.counter(&TOLD, &[("kind", "first")]),
            again: cx.metrics.counter(&TOLD, &[("kind", "again")]),
            evictions: cx.metrics.counter(&EVICTED, &[]),
            present: cx.metrics.gauge(&TRACKED, &[]),
        };
        totals.present(0, cx);
        totals
    }

    fn note(&mut self, outcome: &Outcome) {
        self.tracked += u64::from(outcome.has_begun);
        self.resolved += u64::from(outcome.has_ended);
        let evicted = outcome.evicted.len() as u64;
        self.evicted += evicted;
        self.evictions.inc_by(evicted);
        match outcome.told.as_ref().map(|told| told.repetition) {
            Some(0) => {
                self.escalations += 1;
                self.first.inc();
            }
            Some(_) => {
                self.repetitions += 1;
                self.again.inc();
            }
            None => {}
        }
    }

    fn present(&self, tracked: u64, cx: &Context) {
        self.present.set(i64::try_from(tracked).unwrap_or(i64::MAX));
        let details = [
            ("trackedIncidents", tracked),
            ("totalEscalations", self.escalations),
            ("totalRepetitions", self.repetitions),
            ("totalTracked", self.tracked),
            ("totalResolved", self.resolved),
            ("totalEvicted", self.evicted),
        ];
        for (key, value) in details {
            cx.health.detail(key, value);
        }
    }
}

/// Which incident an event tells of, and what it means for its escalation.
fn cause_of(event: &Envelope) -> Option<(IncidentId, Cause)> {
    if let Ok(created) = event.payload::<IncidentCreated>() {
        return Some((created.incident_id.clone(), Cause::Created));
    }
    let update = event.payload::<IncidentUpdated>().ok()?;
    let is_open = update.new_value == json!(Status::Open);
    let cause = match update.field.as_str() {
        // An incident that comes back again and again is told of as `flapping` rather than as open.
        "status" if is_open => Cause::Opened,
        "flapping" => Cause::Opened,
        "status" | "comment" | "assignee" => Cause::Sign(update.updated_at),
        _ => return None,
    };
    Some((update.incident_id.clone(), cause))
}
