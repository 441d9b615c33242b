//! The transaction in which an escalation begins, goes on or ends.

use async_trait::async_trait;
use opspilot_core::bus::{Bus, PublishError, Tx, Work};
use opspilot_core::clock::Timestamp;
use opspilot_core::event::{EnrichmentCompleted, IncidentEscalated};
use opspilot_core::incident::{Incident, IncidentId, Incidents};
use opspilot_core::module::{Context, Module as _};
use opspilot_core::oncall::{OnCall, Reached};
use opspilot_core::storage::{Collection, Query, StorageError};
use serde_json::{Map, Value, json};

use super::Escalation;
use super::policy::{Plan, Policy};
use super::tracked::{Told, Tracked};

const ID: &str = Escalation::MANIFEST.id;

/// How many escalations end at once to make room.
const ROOM: usize = 100;

/// Keeps the escalations; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) plan: Plan,
    pub(super) tracked: Collection<Tracked>,
    pub(super) on_call: OnCall,
    incidents: Incidents,
    bus: Bus,
}

/// Why an incident is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was created.
    Created,
    /// It is open again.
    Opened,
    /// Somebody gave a sign that they have it.
    Sign(Timestamp),
    /// Its time has come, or the options changed.
    Time,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) has_begun: bool,
    pub(super) has_ended: bool,
    /// The incidents that made room.
    pub(super) evicted: Vec<IncidentId>,
    /// What was told, if anything.
    pub(super) told: Option<Told>,
}

/// Why an incident was not looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeskError {
    #[error("escalations cannot be stored or read")]
    Storage(#[from] StorageError),
    #[error("the escalation could not be stored")]
    Publish(#[from] PublishError),
}

impl Desk {
    pub(super) async fn open(plan: Plan, cx: &Context) -> Result<Self, StorageError> {
        Ok(Self {
            plan,
            tracked: cx.store.collection().await?,
            on_call: cx.on_call.clone(),
            incidents: cx.incidents.clone(),
            bus: cx.system.bus().clone(),
        })
    }

    /// Looks at an incident, and does what is to be done now.
    pub(super) async fn look(&self, id: &IncidentId, cause: Cause) -> Result<Outcome, DeskError> {
        let look = Look {
            desk: self.clone(),
            id: id.clone(),
            cause,
        };
        Ok(self.bus.transact(ID, look).await??)
    }

    /// Up to `limit` escalations that are due at `now`.
    pub(super) async fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Tracked>, StorageError> {
        let query = Query {
            until: Some(now.as_millis().saturating_add(1)),
            ..Query::by_index("due", vec![Vec::new()], limit)
        };
        Ok(self.tracked.query(&query).await?.0)
    }

    /// When the next escalation is due.
    pub(super) async fn next_due(&self) -> Result<Option<Timestamp>, StorageError> {
        let query = Query::by_index("due", vec![Vec::new()], 1);
        let (next, _) = self.tracked.query(&query).await?;
        Ok(next.first().and_then(|tracked| tracked.due_at))
    }

    /// The oldest escalations that must end so that one more is not too many.
    async fn evicted(&self) -> Result<Vec<IncidentId>, StorageError> {
        let count = usize::try_from(self.tracked.count().await?).unwrap_or(usize::MAX);
        let excess = (count + 1).saturating_sub(self.plan.max_tracked).min(ROOM);
        if excess == 0 {
            return Ok(Vec::new());
        }
        let query = Query::by_index("started", vec![Vec::new()], excess);
        let (oldest, _) = self.tracked.query(&query).await?;
        Ok(oldest
            .into_iter()
            .map(|tracked| tracked.incident_id)
            .collect())
    }
}

struct Look {
    desk: Desk,
    id: IncidentId,
    cause: Cause,
}

#[async_trait]
impl Work for Look {
    type Output = Result<Outcome, StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Desk { plan, tracked, .. } = &self.desk;
        let stored = tx.get(tracked, self.id.as_str()).await?;
        let incident = self.desk.incidents.get_in(tx, &self.id).await?;
        let incident = incident.filter(|found| !plan.rules.resolved.contains(&found.status));
        let Some(incident) = incident else {
            return Ok(self.end(tx, stored.is_some()));
        };
        let known = stored
            .as_ref()
            .and_then(|stored| plan.policy(&stored.policy_id));
        let Some(policy) = known.or_else(|| plan.matching(&incident)) else {
            return Ok(self.end(tx, stored.is_some()));
        };
        match stored {
            Some(mut stored) => {
                policy.id.clone_into(&mut stored.policy_id);
                self.go_on(tx, stored, (&incident, policy))
            }
            None => self.begin(tx, &incident, policy).await,
        }
    }
}

impl Look {
    fn end(&self, tx: &mut Tx, is_tracked: bool) -> Outcome {
        if is_tracked {
            tx.delete(&self.desk.tracked, self.id.as_str());
        }
        Outcome {
            has_ended: is_tracked,
            ..Outcome::default()
        }
    }

    async fn begin(
        &self,
        tx: &mut Tx,
        incident: &Incident,
        policy: &Policy,
    ) -> Result<Outcome, StorageError> {
        let started_at = match self.cause {
            Cause::Created => incident.created_at,
            Cause::Opened => tx.now(),
            // It was not escalated before, or had to make room.
            Cause::Sign(_) | Cause::Time => return Ok(Outcome::default()),
        };
        let evicted = self.desk.evicted().await?;
        let fresh = Tracked::start(self.id.clone(), policy, started_at);
        let outcome = self.go_on(tx, fresh, (incident, policy))?;
        evicted
            .iter()
            .for_each(|id| tx.delete(&self.desk.tracked, id.as_str()));
        Ok(Outcome {
            has_begun: true,
            evicted,
            ..outcome
        })
    }

    fn go_on(
        &self,
        tx: &mut Tx,
        mut tracked: Tracked,
        (incident, policy): (&Incident, &Policy),
    ) -> Result<Outcome, StorageError> {
        let rules = &self.desk.plan.rules;
        let sign = match self.cause {
            Cause::Sign(at) => Some(at),
            Cause::Created | Cause::Opened | Cause::Time => None,
        };
        tracked.follow(incident.status, sign, rules, tx.now());
        let told = tracked.advance(policy, rules, tx.now());
        tx.put(&self.desk.tracked, &tracked)?;
        if let Some(told) = &told {
            let reached = self.desk.on_call.reach(&told.notify, tx.now());
            let event = escalated(&tracked, told, (incident, reached), tx.now());
            tx.emit(enrichment(&event, tx.now()));
            tx.emit(event);
        }
        Ok(Outcome {
            told,
            ..Outcome::default()
        })
    }
}

fn escalated(
    tracked: &Tracked,
    told: &Told,
    (incident, reached): (&Incident, Reached),
    now: Timestamp,
) -> IncidentEscalated {
    let elapsed = now.since(tracked.started_at).as_millis();
    IncidentEscalated {
        incident_id: incident.id.clone(),
        policy_id: tracked.policy_id.clone(),
        level: told.level,
        notify: told.notify.clone(),
        people: reached.people,
        channels: reached.channels,
        skipped_levels: told.skipped.clone(),
        repetition: told.repetition,
        reason: told.reason.clone(),
        elapsed_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
        severity: incident.severity,
        title: incident.title.clone(),
    }
}

/// The same for the incident's record.
fn enrichment(event: &IncidentEscalated, now: Timestamp) -> EnrichmentCompleted {
    let data: [(&str, Value); 6] = [
        ("policyId", json!(event.policy_id)),
        ("level", json!(event.level)),
        ("notify", json!(event.notify)),
        ("people", json!(event.people)),
        ("channels", json!(event.channels)),
        ("elapsedMs", json!(event.elapsed_ms)),
    ];
    EnrichmentCompleted {
        incident_id: event.incident_id.clone(),
        enricher_module: ID.to_owned(),
        enrichment_type: "escalation".to_owned(),
        data: Map::from_iter(data.map(|(key, value)| (key.to_owned(), value))),
        completed_at: now,
    }
}
