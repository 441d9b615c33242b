//! What the incident service promises, through the bus.

mod audited;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, json};

use super::{
    Change, Incident, IncidentError, IncidentFilter, IncidentId, Severity, Status, Transition,
};
use crate::bus::{Tx, Work};
use crate::clock::{Clock as _, ManualClock, Timestamp};
use crate::event::{
    Event as _, IncidentCleared, IncidentCreated, IncidentRepeated, IncidentUpdated,
};
use crate::storage::MemoryStorage;
use crate::testing::Bench;

const SECOND: Duration = Duration::from_secs(1);

struct Scene {
    bench: Bench,
    clock: Arc<ManualClock>,
}

/// What a store stage would do with one event.
enum Step {
    Create(IncidentCreated),
    Repeat(IncidentRepeated),
    Clear(IncidentCleared),
}

struct Play(super::Incidents, Step);

#[async_trait]
impl Work for Play {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        let Self(incidents, step) = self;
        match step {
            Step::Create(event) => drop(incidents.create_in(tx, &event).await.unwrap()),
            Step::Repeat(event) => incidents
                .repeat_in(tx, &event, "detector.test")
                .await
                .unwrap(),
            Step::Clear(event) => incidents.clear_in(tx, &event).await.unwrap(),
        }
    }
}

impl Scene {
    async fn new() -> Self {
        let clock = ManualClock::starting_at(Timestamp::from_millis(1_000_000));
        let shared: Arc<dyn crate::clock::Clock> = Arc::<ManualClock>::clone(&clock);
        let bench = Bench::on(Arc::new(MemoryStorage::default()), shared).await;
        Self { bench, clock }
    }

    async fn play(&self, step: Step) {
        let play = Play(self.bench.incidents.clone(), step);
        self.bench
            .bus
            .transact("detector.test", play)
            .await
            .unwrap();
    }

    async fn create(&self, id: &str, severity: Severity, auto_resolve_ms: Option<u64>) {
        let event = IncidentCreated {
            incident_id: IncidentId::from(id),
            title: "Disk full".into(),
            description: String::new(),
            severity,
            detected_by: "detector.test".into(),
            source_event: None,
            detected_at: self.clock.now(),
            occurrences: 1,
            last_seen_at: None,
            auto_resolve_ms,
            context: Map::new(),
        };
        self.play(Step::Create(event)).await;
    }

    async fn repeat(&self, id: &str) {
        let event = IncidentRepeated {
            incident_id: IncidentId::from(id),
            occurrences: 2,
            last_seen_at: self.clock.now(),
            by_rule: [("r".to_owned(), 2)].into(),
        };
        self.play(Step::Repeat(event)).await;
    }

    async fn clear(&self, id: &str) {
        let event = IncidentCleared {
            incident_id: IncidentId::from(id),
            cleared_by: "detector.test".into(),
            reason: "back to normal".into(),
            cleared_at: self.clock.now(),
        };
        self.play(Step::Clear(event)).await;
    }

    async fn change(&self, id: &str, change: Change) -> Result<Incident, IncidentError> {
        let reason = Some("because".to_owned());
        self.bench
            .incidents
            .change(&IncidentId::from(id), change, "ann", reason)
            .await
    }

    async fn get(&self, id: &str) -> Incident {
        self.bench
            .incidents
            .get(&IncidentId::from(id))
            .await
            .unwrap()
    }

    /// The fields that updates told of, in order.
    async fn told(&self) -> Vec<String> {
        let events = self.bench.bus.journal().read(0, 1_000).await.unwrap();
        let field = |event: &Arc<crate::event::Envelope>| {
            let update = event.payload::<IncidentUpdated>().unwrap();
            format!("{}={}", update.field, update.new_value)
        };
        events
            .iter()
            .filter(|event| event.kind() == IncidentUpdated::TYPE)
            .map(field)
            .collect()
    }
}

#[tokio::test]
async fn a_change_has_actor_time_and_reason_in_the_timeline_and_in_an_event() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    scene.clock.advance(SECOND);
    scene
        .change("a", Change::Transition(Transition::Acknowledge))
        .await
        .unwrap();
    scene
        .change("a", Change::Assign(Some("bob".into())))
        .await
        .unwrap();
    let incident = scene
        .change("a", Change::Comment("looking".into()))
        .await
        .unwrap();
    assert_eq!(incident, scene.get("a").await);
    assert_eq!(
        (incident.status, incident.assignee.as_deref()),
        (Status::Acknowledged, Some("bob"))
    );
    let lines: Vec<_> = incident
        .timeline
        .iter()
        .map(|entry| (entry.action.as_str(), entry.actor.as_str()))
        .collect();
    let expected = [
        ("created", "detector.test"),
        ("status.changed", "ann"),
        ("assigned", "ann"),
        ("comment", "ann"),
    ];
    assert_eq!(lines, expected);
    assert!(
        incident
            .timeline
            .iter()
            .skip(1)
            .all(|entry| entry.reason.as_deref() == Some("because"))
    );
    assert_eq!(
        scene.told().await,
        [
            "status=\"acknowledged\"",
            "assignee=\"bob\"",
            "comment=\"looking\""
        ]
    );
}

#[tokio::test]
async fn an_illegal_change_is_refused_and_changes_nothing() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    scene
        .change("a", Change::Transition(Transition::Close))
        .await
        .unwrap();
    let before = scene.get("a").await;
    let error = scene
        .change("a", Change::Transition(Transition::Resolve))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot resolve an incident that is closed"
    );
    let missing = scene
        .change("b", Change::Transition(Transition::Close))
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "there is no incident `b`");
    assert_eq!(scene.get("a").await, before);
}

#[tokio::test]
async fn repetitions_count_and_open_a_resolved_incident_but_not_a_closed_one() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    scene.clear("a").await;
    assert_eq!(scene.get("a").await.status, Status::Resolved);
    scene.repeat("a").await;
    let incident = scene.get("a").await;
    assert_eq!((incident.status, incident.occurrences), (Status::Open, 3));
    assert_eq!(
        incident.enrichments["detector.test"],
        json!({ "byRule": { "r": 2 } })
    );
    scene
        .change("a", Change::Transition(Transition::Close))
        .await
        .unwrap();
    scene.repeat("a").await;
    let incident = scene.get("a").await;
    assert_eq!((incident.status, incident.occurrences), (Status::Closed, 5));
}

#[tokio::test]
async fn creating_an_incident_again_keeps_the_first() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    scene.create("a", Severity::Critical, None).await;
    assert_eq!(scene.get("a").await.severity, Severity::Warning);
    assert_eq!(scene.bench.incidents.count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_quiet_incident_is_due_and_resolves_by_itself() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, Some(60_000)).await;
    scene.clock.advance(30 * SECOND);
    scene.repeat("a").await;
    let incidents = &scene.bench.incidents;
    let due = scene.clock.now().plus(60 * SECOND);
    assert_eq!(incidents.next_due().await.unwrap(), Some(due));
    scene.clock.advance(59 * SECOND);
    let id = IncidentId::from("a");
    incidents
        .resolve_quiet(&id, scene.clock.now(), "enricher.incidentStore")
        .await
        .unwrap();
    assert_eq!(scene.get("a").await.status, Status::Open);
    scene.clock.advance(2 * SECOND);
    assert_eq!(incidents.due(scene.clock.now(), 10).await.unwrap().len(), 1);
    incidents
        .resolve_quiet(&id, scene.clock.now(), "enricher.incidentStore")
        .await
        .unwrap();
    assert_eq!(scene.get("a").await.status, Status::Resolved);
    assert_eq!(incidents.next_due().await.unwrap(), None);
}

#[tokio::test]
async fn flapping_is_told_once_and_ends_after_a_quiet_while() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    for _ in 0..8 {
        scene.clock.advance(SECOND);
        scene.clear("a").await;
        scene.clock.advance(SECOND);
        scene.repeat("a").await;
    }
    let incident = scene.get("a").await;
    assert_eq!(incident.status, Status::Open);
    assert_eq!(incident.flapping.as_ref().unwrap().reopened, 3);
    let told = scene.told().await;
    assert_eq!(
        told.iter()
            .filter(|field| field.starts_with("flapping"))
            .count(),
        1
    );
    // Two full rounds, the third resolution, and the flapping.
    assert_eq!(told.len(), 6, "{told:?}");
    let due = scene.bench.incidents.next_due().await.unwrap().unwrap();
    assert_eq!(due, incident.last_seen_at.plus(Duration::from_mins(10)));
    scene.clock.set(due.plus(SECOND));
    let id = IncidentId::from("a");
    scene
        .bench
        .incidents
        .resolve_quiet(&id, scene.clock.now(), "enricher.incidentStore")
        .await
        .unwrap();
    let incident = scene.get("a").await;
    assert_eq!(
        (incident.status, incident.flapping),
        (Status::Resolved, None)
    );
    let reason = incident.timeline.last().unwrap().reason.clone().unwrap();
    assert!(reason.contains("came back 3 times"), "{reason}");
}

#[tokio::test]
async fn the_list_is_newest_first_filtered_and_paged() {
    let scene = Scene::new().await;
    for (index, severity) in [
        Severity::Info,
        Severity::Critical,
        Severity::Warning,
        Severity::Critical,
    ]
    .iter()
    .enumerate()
    {
        scene.create(&format!("i{index}"), *severity, None).await;
        scene.clock.advance(SECOND);
    }
    scene
        .change("i1", Change::Transition(Transition::Resolve))
        .await
        .unwrap();
    let list = async |filter: &IncidentFilter| {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = scene.bench.incidents.list(filter, after, 1).await.unwrap();
            ids.extend(page.into_iter().map(|incident| incident.id.to_string()));
            let Some(next) = next else { return ids };
            after = Some(next);
        }
    };
    assert_eq!(
        list(&IncidentFilter::default()).await,
        ["i3", "i2", "i1", "i0"]
    );
    let critical = IncidentFilter {
        severities: vec![Severity::Critical],
        ..IncidentFilter::default()
    };
    assert_eq!(list(&critical).await, ["i3", "i1"]);
    let open = IncidentFilter {
        statuses: vec![Status::Open],
        severities: vec![Severity::Critical, Severity::Info],
        ..IncidentFilter::default()
    };
    assert_eq!(list(&open).await, ["i3", "i0"]);
    let created = scene
        .bench
        .incidents
        .get(&IncidentId::from("i1"))
        .await
        .unwrap()
        .created_at;
    let since = IncidentFilter {
        since: Some(created),
        ..IncidentFilter::default()
    };
    assert_eq!(list(&since).await, ["i3", "i2", "i1"]);
    let until = IncidentFilter {
        until: Some(created),
        ..IncidentFilter::default()
    };
    assert_eq!(list(&until).await, ["i0"]);
}

#[tokio::test]
async fn the_timeline_is_bounded_and_says_so() {
    let scene = Scene::new().await;
    scene.create("a", Severity::Warning, None).await;
    for number in 0..510 {
        scene
            .change("a", Change::Comment(number.to_string()))
            .await
            .unwrap();
    }
    let incident = scene.get("a").await;
    assert_eq!(
        (incident.timeline.len(), incident.timeline_dropped),
        (500, 11)
    );
    assert_eq!(incident.timeline[0].action, "created");
    assert_eq!(incident.timeline[499].details["text"], "509");
}
