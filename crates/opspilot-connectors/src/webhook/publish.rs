//! From what a delivery says to stored incidents and records.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use opspilot_core::bus::Publication;
use opspilot_core::clock::Timestamp;
use opspilot_core::error::chain;
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::incident::{IncidentError, IncidentId};
use opspilot_core::module::Context;
use opspilot_core::signal::{Attributes, LogBatchBuilder};
use serde_json::Value;
use tokio::sync::Mutex;
use tracing::warn;

use super::memory::Memory;
use super::meters::Meters;
use super::route::Route;
use super::signal::{Reading, Signal, Which};
use crate::intake::{PushedStream, Unavailable, settlement, stored};

/// Stores what is delivered on one route, one delivery after the other.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) route: Arc<Route>,
    cx: Context,
    memory: Memory,
    meters: Meters,
    /// Deliveries of a route take turns, so that two that tell of one thing see each other's incident.
    turn: Mutex<PushedStream>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    pub(super) created: u64,
    pub(super) repeated: u64,
    pub(super) resolved: u64,
    pub(super) lines: u64,
    /// Ends of things that nobody knows.
    pub(super) unknown: u64,
    pub(super) is_duplicate: bool,
}

/// A delivery on its way into the storage.
struct Draft<'a> {
    outlet: &'a Outlet,
    now: Timestamp,
    publication: Publication,
    taken: Taken,
    /// Incidents of this delivery by identity.
    made: HashMap<IncidentId, u64>,
    fresh: Vec<(String, IncidentId)>,
}

impl Outlet {
    pub(super) fn new(
        route: Arc<Route>,
        cx: &Context,
        (memory, meters): (Memory, Meters),
        stream: PushedStream,
    ) -> Self {
        Self {
            route,
            cx: cx.clone(),
            memory,
            meters,
            turn: Mutex::new(stream),
        }
    }

    /// Stores a delivery; `once` names it. Returns when all of it is stored.
    pub(super) async fn take(
        &self,
        reading: Reading,
        once: Option<Vec<u8>>,
    ) -> Result<Taken, Unavailable> {
        let mut stream = self.turn.lock().await;
        let route = &*self.route.id;
        if let Some(once) = &once
            && self.memory.is_taken(route, once).await.map_err(failed)?
        {
            return Ok(Taken {
                is_duplicate: true,
                ..Taken::default()
            });
        }
        let now = self.cx.clock.now();
        let mut draft = Draft {
            outlet: self,
            now,
            publication: Publication::new(),
            taken: Taken::default(),
            made: HashMap::new(),
            fresh: Vec::new(),
        };
        let mut lines = Vec::new();
        for signal in reading.signals {
            draft.add(signal, &mut lines).await.map_err(failed)?;
        }
        let Draft {
            publication,
            mut taken,
            fresh,
            ..
        } = draft;
        taken.lines = lines.len() as u64;
        if !lines.is_empty() {
            self.send(&mut stream, lines).await?;
        }
        if !publication.is_empty() {
            let (ack, settled) = settlement();
            let submitted = self.cx.bus.submit(publication.ack(ack)).await;
            submitted.map_err(failed)?;
            stored(settled).await?;
        }
        for (identity, incident) in fresh {
            self.remember(&identity, incident).await.map_err(failed)?;
        }
        if let Some(once) = &once {
            let remembered = self.memory.remember_delivery(route, once, now).await;
            remembered.map_err(failed)?;
        }
        self.meters.taken(route, &taken, reading.truncated);
        Ok(taken)
    }

    async fn send(
        &self,
        stream: &mut PushedStream,
        lines: Vec<(String, Attributes)>,
    ) -> Result<(), Unavailable> {
        let (ack, settled) = settlement();
        let source = stream.source(&self.cx, self.route.path.as_str().into());
        let now = self.cx.clock.now();
        let make = |place: (u64, u64)| {
            let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
            let mut facts = Vec::with_capacity(lines.len());
            for (text, attributes) in lines {
                let start = buffer.len();
                buffer.extend_from_slice(text.as_bytes());
                ranges.push(start..buffer.len());
                buffer.push(b'\n');
                facts.push(attributes);
            }
            let end = place.0 + buffer.len() as u64;
            let mut builder = LogBatchBuilder::new(source, buffer, place, now);
            for range in ranges {
                let offset = range.start;
                builder.record(range, offset);
            }
            builder.facts(Arc::new(facts)).build(end, ack)
        };
        stream.send(&self.cx, make).await;
        stored(settled).await
    }

    /// Remembers which incident a thing is, unless a stage absorbed it: then it counts on the one before.
    async fn remember(&self, identity: &str, incident: IncidentId) -> Result<(), IncidentError> {
        match self.cx.incidents.get(&incident).await {
            Ok(_) => {
                let value = (incident, self.cx.clock.now());
                let remembered = self
                    .memory
                    .remember_incident(&self.route.id, identity, value);
                Ok(remembered.await?)
            }
            Err(IncidentError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Draft<'_> {
    async fn add(
        &mut self,
        signal: Signal,
        lines: &mut Vec<(String, Attributes)>,
    ) -> Result<(), IncidentError> {
        match signal {
            Signal::Line { text, attributes } => lines.push((text, attributes)),
            Signal::Resolved { which, reason } => self.resolve(&which, reason).await?,
            Signal::Firing { .. } => self.fire(signal).await?,
        }
        Ok(())
    }

    /// A known incident is seen once more; a new one is created.
    async fn fire(&mut self, signal: Signal) -> Result<(), IncidentError> {
        let Signal::Firing {
            which,
            severity,
            title,
            description,
            attributes,
        } = signal
        else {
            return Ok(());
        };
        let id = self.id(&which);
        if let Some(known) = self.known(&id, &which, true).await? {
            self.taken.repeated += 1;
            self.publication.push(
                None,
                IncidentRepeated {
                    incident_id: known,
                    occurrences: 1,
                    last_seen_at: self.now,
                    by_rule: BTreeMap::new(),
                },
            );
            return Ok(());
        }
        self.taken.created += 1;
        self.made.insert(id.clone(), 1);
        self.fresh.push((which.identity.clone(), id.clone()));
        let route = &self.outlet.route;
        let mut context = Attributes::from_iter([
            ("route".to_owned(), Value::from(&*route.id)),
            ("fingerprint".to_owned(), which.identity.into()),
            ("attributes".to_owned(), Value::Object(attributes)),
        ]);
        if let Some(starts_at) = which.starts_at {
            context.insert("startsAt".to_owned(), starts_at.to_string().into());
        }
        self.publication.push(
            None,
            IncidentCreated {
                incident_id: id,
                title,
                description,
                severity,
                detected_by: self.outlet.cx.id.to_owned(),
                source_event: None,
                detected_at: self.now,
                occurrences: 1,
                last_seen_at: None,
                auto_resolve_ms: route.auto_resolve_ms,
                context,
            },
        );
        Ok(())
    }

    async fn resolve(&mut self, which: &Which, reason: String) -> Result<(), IncidentError> {
        let id = self.id(which);
        let Some(known) = self.known(&id, which, false).await? else {
            self.taken.unknown += 1;
            return Ok(());
        };
        self.taken.resolved += 1;
        self.publication.push(
            None,
            IncidentCleared {
                incident_id: known,
                cleared_by: self.outlet.cx.id.to_owned(),
                reason,
                cleared_at: self.now,
            },
        );
        Ok(())
    }

    fn id(&self, which: &Which) -> IncidentId {
        let began = which.starts_at.map_or(0, Timestamp::as_millis);
        let began = u64::try_from(began).unwrap_or(0);
        let outlet = self.outlet;
        IncidentId::derive(outlet.cx.id, &outlet.route.id, &which.identity, began)
    }

    /// The stored incident of a thing. It may have begun under another name: when `enricher.dedup` counted it on the one
    /// before. One that fires is that one only while it is active.
    async fn known(
        &self,
        id: &IncidentId,
        which: &Which,
        must_be_active: bool,
    ) -> Result<Option<IncidentId>, IncidentError> {
        if self.made.contains_key(id) {
            return Ok(Some(id.clone()));
        }
        let incidents = &self.outlet.cx.incidents;
        match incidents.get(id).await {
            Ok(_) => return Ok(Some(id.clone())),
            Err(IncidentError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let memory = &self.outlet.memory;
        let earlier = memory
            .incident(&self.outlet.route.id, &which.identity)
            .await?;
        let Some(earlier) = earlier else {
            return Ok(None);
        };
        match incidents.get(&earlier).await {
            Ok(incident) if !must_be_active || incident.status.is_active() => Ok(Some(earlier)),
            Ok(_) | Err(IncidentError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn failed(error: impl std::error::Error) -> Unavailable {
    warn!(error = %chain(&error), "a delivery could not be stored");
    Unavailable::Failed
}
