//! What the tests of `action.safe` share.

use std::path::PathBuf;
use std::sync::Arc;

use opspilot_core::bus::{Stage, StageOrder, Staged, Tx};
use opspilot_core::clock::{ManualClock, Timestamp};
use opspilot_core::config::KeyPath;
use opspilot_core::event::{IncidentCreated, IncidentRepeated};
use opspilot_core::incident::{IncidentId, Incidents, Severity};
use opspilot_core::module::{Category, Manifest};
use opspilot_core::safety::action::Action;
use opspilot_core::testing::Bench;
use serde_json::{Map, Value as Json};

use super::catalogue::{Prepared, prepare};
use super::deed::World;
use super::offered::Offered;
use crate::process::tests::harness::runner;

/// The entries of a catalogue, or all of its faults.
pub(crate) fn catalogue(options: &Json) -> Result<Vec<Prepared>, String> {
    let options = serde_json::from_value(options.clone()).map_err(|error| error.to_string())?;
    prepare(&options, &KeyPath::of(["catalogue"])).map_err(|error| error.to_string())
}

/// The only entry of a catalogue that is right.
pub(crate) fn entry(options: &Json) -> Prepared {
    let mut map = Map::new();
    map.insert("it".to_owned(), options.clone());
    let mut found = catalogue(&Json::Object(map)).expect("the entry is right");
    found.remove(0)
}

/// The arguments in a JSON object.
pub(crate) fn arguments(json: &Json) -> Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

/// A world whose helper is the test program.
pub(crate) async fn world() -> (World, Arc<ManualClock>, Bench) {
    let clock = ManualClock::starting_at(Timestamp::from_millis(1_000_000_000_000));
    let storage = Arc::new(opspilot_core::storage::MemoryStorage::default());
    let bench = Bench::on(storage, Arc::clone(&clock) as _).await;
    let world = World {
        runner: runner(),
        systemctl: PathBuf::from("/nowhere/systemctl"),
        incidents: bench.incidents.clone(),
        clock: Arc::clone(&clock) as _,
    };
    (world, clock, bench)
}

/// An entry as a type of action.
pub(crate) fn offer(options: &Json, world: &World) -> Offered {
    Offered::new(Arc::new(entry(options)), world.clone())
}

/// The action that the gate would make of an entry and arguments.
pub(crate) fn action(offered: &Offered, given: &Json) -> Action {
    use opspilot_core::safety::catalogue::ActionType as _;

    Action {
        executor: offered.executor().to_owned(),
        action_type: "it".to_owned(),
        target: String::new(),
        arguments: arguments(given),
        recipe: offered.recipe(),
        precondition: None,
    }
}

/// A module that publishes whatever a test needs.
static DETECTOR: Manifest = Manifest {
    emits: &["incident.created", "incident.repeated", "incident.cleared"],
    ..Manifest::new("detector.regex", Category::Detector, "")
};

/// An incident as a detector publishes it.
pub(crate) fn created(id: &str, now: Timestamp) -> IncidentCreated {
    IncidentCreated {
        incident_id: IncidentId::from(id),
        title: "nginx is down".into(),
        description: String::new(),
        severity: Severity::Critical,
        detected_by: DETECTOR.id.into(),
        source_event: None,
        detected_at: now,
        occurrences: 1,
        last_seen_at: None,
        auto_resolve_ms: None,
        context: Map::new(),
    }
}

/// Publishes an event as a detector.
pub(crate) async fn publish<E: opspilot_core::event::Event>(bench: &Bench, event: E) {
    let detector = bench.context(&DETECTOR);
    detector
        .bus
        .publish(event)
        .await
        .expect("the storage of a test works");
}

/// The part of `enricher.incidentStore` that the tests need.
#[derive(Debug)]
struct Store(Incidents);

#[async_trait::async_trait]
impl Stage<IncidentCreated> for Store {
    async fn process(&mut self, staged: &mut [Staged<IncidentCreated>], tx: &mut Tx) {
        for incident in staged {
            self.0.create_in(tx, &incident.event).await.expect("stores");
        }
    }
}

#[async_trait::async_trait]
impl Stage<IncidentRepeated> for Store {
    async fn process(&mut self, staged: &mut [Staged<IncidentRepeated>], tx: &mut Tx) {
        for repeated in staged {
            self.0
                .repeat_in(tx, &repeated.event, "test")
                .await
                .expect("stores");
        }
    }
}

static STORE: Manifest = Manifest {
    consumes: &["incident.created", "incident.repeated"],
    ..Manifest::new("enricher.incidentStore", Category::Enricher, "")
};

/// Makes incidents be stored.
pub(crate) async fn keep_incidents(bench: &Bench) {
    let cx = bench.context(&STORE);
    let incidents = || Store(bench.incidents.clone());
    cx.bus
        .stage::<IncidentCreated>(StageOrder::STORE, incidents())
        .await
        .expect("declared");
    cx.bus
        .stage::<IncidentRepeated>(StageOrder::STORE, incidents())
        .await
        .expect("declared");
}

/// Makes incidents be stored, and one of them.
pub(crate) async fn store_incident(bench: &Bench, id: &str, now: Timestamp) {
    keep_incidents(bench).await;
    publish(bench, created(id, now)).await;
}

/// The incident is seen again.
pub(crate) async fn repeat(bench: &Bench, id: &str, now: Timestamp) {
    let event = IncidentRepeated {
        incident_id: IncidentId::from(id),
        occurrences: 1,
        last_seen_at: now,
        by_rule: std::collections::BTreeMap::new(),
    };
    publish(bench, event).await;
}
