//! Dedup behind the bus, with the incident store and without it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opspilot_core::clock::{Clock as _, Timestamp};
use opspilot_core::event::{IncidentCleared, IncidentRepeated};
use opspilot_core::incident::{Change, IncidentId, Status, Transition};
use opspilot_core::storage::SharedStorage;
use proptest::prelude::*;

use super::{Config, Dedup};
use crate::incident_store::{self, IncidentStore};
use crate::testing::{Process, Refusing, count, created};

const WINDOW: u64 = 10_000;

async fn start(process: &Process) {
    let config = Config {
        window_ms: WINDOW,
        ..Config::default()
    };
    process.start::<Dedup>(config).await;
    let config = incident_store::Config {
        retention_ms: 0,
        ..incident_store::Config::default()
    };
    process.start::<IncidentStore>(config).await;
}

async fn started() -> Process {
    let process = Process::new().await;
    start(&process).await;
    process
}

#[tokio::test]
async fn a_hundred_identical_incidents_are_one() {
    let process = started().await;
    process
        .publish_all((0..60).map(|index| created(&format!("i{index}"), "Disk full")))
        .await;
    for index in 60..100 {
        let event = created(&format!("i{index}"), "Disk full");
        process.publish(event).await.unwrap();
    }
    let stored = process.stored().await;
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].id.as_str(), stored[0].occurrences), ("i0", 100));
    assert_eq!(stored[0].enrichments["enricher.dedup"]["occurrences"], 100);
    let journal = process.journaled().await;
    assert_eq!(count(&journal, "incident.created"), 1);
    // One for the group of sixty, and one for each that came alone.
    for kind in [
        "incident.repeated",
        "incident.suppressed",
        "enrichment.completed",
    ] {
        assert_eq!(count(&journal, kind), 41, "{kind}");
    }
}

#[tokio::test]
async fn without_a_store_duplicates_are_absorbed_as_well() {
    let process = Process::new().await;
    process.start::<Dedup>(Config::default()).await;
    for id in ["a", "b", "c"] {
        process.publish(created(id, "Disk full")).await.unwrap();
    }
    assert_eq!(count(&process.journaled().await, "incident.created"), 1);
}

#[tokio::test]
async fn a_resolved_original_is_opened_again_and_a_closed_one_is_left_alone() {
    let process = started().await;
    let original = IncidentId::from("a");
    process.publish(created("a", "Disk full")).await.unwrap();
    let change = async |transition| {
        let change = Change::Transition(transition);
        process
            .bench
            .incidents
            .change(&original, change, "ada", None)
            .await
            .unwrap();
    };
    change(Transition::Resolve).await;
    process.publish(created("b", "Disk full")).await.unwrap();
    let incident = process.incident("a").await;
    assert_eq!((incident.status, incident.occurrences), (Status::Open, 2));
    change(Transition::Close).await;
    process.publish(created("c", "Disk full")).await.unwrap();
    process.publish(created("d", "Disk full")).await.unwrap();
    assert_eq!(process.incident("a").await.occurrences, 2);
    assert_eq!(process.incident("c").await.occurrences, 2);
}

#[tokio::test]
async fn an_original_that_was_removed_is_not_repeated() {
    let process = started().await;
    process.publish(created("a", "Disk full")).await.unwrap();
    process
        .bench
        .incidents
        .remove(vec![IncidentId::from("a")])
        .await
        .unwrap();
    process.publish(created("b", "Disk full")).await.unwrap();
    assert_eq!(process.incident("b").await.occurrences, 1);
}

#[tokio::test]
async fn what_speaks_of_an_absorbed_incident_reaches_its_original() {
    let process = started().await;
    for id in ["a", "b"] {
        process.publish(created(id, "Disk full")).await.unwrap();
    }
    let process = process.restart().await;
    start(&process).await;
    let repeated = IncidentRepeated {
        incident_id: IncidentId::from("b"),
        occurrences: 5,
        last_seen_at: Timestamp::UNIX_EPOCH,
        by_rule: std::collections::BTreeMap::new(),
    };
    process.publish(repeated).await.unwrap();
    assert_eq!(process.incident("a").await.occurrences, 7);
    let cleared = IncidentCleared {
        incident_id: IncidentId::from("b"),
        cleared_by: "detector.regex".into(),
        reason: "over".into(),
        cleared_at: Timestamp::UNIX_EPOCH,
    };
    process.publish(cleared).await.unwrap();
    assert_eq!(process.incident("a").await.status, Status::Resolved);
    process.publish(created("c", "Disk full")).await.unwrap();
    let enrichment = &process.incident("a").await.enrichments["enricher.dedup"];
    assert_eq!(enrichment["occurrences"], 8);
}

#[tokio::test]
async fn a_transaction_that_was_given_up_leaves_no_trace() {
    let storage = Arc::new(Refusing::default());
    let shared: SharedStorage = Arc::clone(&storage) as _;
    let process = Process::on(shared, Timestamp::UNIX_EPOCH).await;
    start(&process).await;
    storage.refuses.store(true, Ordering::SeqCst);
    process
        .publish(created("a", "Disk full"))
        .await
        .unwrap_err();
    storage.refuses.store(false, Ordering::SeqCst);
    process.publish(created("b", "Disk full")).await.unwrap();
    process.publish(created("a", "Disk full")).await.unwrap();
    let stored = process.stored().await;
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].id.as_str(), stored[0].occurrences), ("b", 2));
}

#[tokio::test]
async fn an_original_that_was_given_up_absorbs_nothing_even_without_a_store() {
    let storage = Arc::new(Refusing::default());
    let shared: SharedStorage = Arc::clone(&storage) as _;
    let process = Process::on(shared, Timestamp::UNIX_EPOCH).await;
    process.start::<Dedup>(Config::default()).await;
    storage.refuses.store(true, Ordering::SeqCst);
    process
        .publish(created("a", "Disk full"))
        .await
        .unwrap_err();
    storage.refuses.store(false, Ordering::SeqCst);
    process.publish(created("b", "Disk full")).await.unwrap();
    assert_eq!(count(&process.journaled().await, "incident.created"), 1);
}

#[tokio::test]
async fn what_has_passed_leaves_the_storage() {
    let process = started().await;
    for index in 0..50 {
        let title = format!("t{index}");
        process
            .publish(created(&format!("i{index}"), &title))
            .await
            .unwrap();
    }
    let rows = async || {
        process
            .bench
            .storage
            .count("enricher.dedup::fingerprints")
            .await
            .unwrap()
    };
    assert_eq!(rows().await, 50);
    process.advance(WINDOW);
    process.publish(created("last", "last")).await.unwrap();
    assert_eq!(rows().await, 1);
}

#[derive(Debug, Clone)]
enum Step {
    Publish(Vec<u8>),
    Wait(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0..4u8, 1..6).prop_map(Step::Publish),
        3 => (0..WINDOW * 3 / 2).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// Per title the newest sighting and the counts of its incidents, oldest first.
type Model = std::collections::BTreeMap<u8, (Timestamp, Vec<u64>)>;

async fn play(steps: Vec<Step>) {
    let mut process = started().await;
    let mut model = Model::new();
    let mut ids = 0..;
    for step in steps {
        match step {
            Step::Wait(millis) => process.advance(millis),
            Step::Restart => {
                process = process.restart().await;
                start(&process).await;
            }
            Step::Publish(titles) => {
                let now = process.clock.now();
                let mut events = Vec::new();
                for title in titles {
                    let (last, counts) = model.entry(title).or_insert((now, Vec::new()));
                    let is_live = u128::from(WINDOW) > now.since(*last).as_millis();
                    match counts.last_mut().filter(|_| is_live) {
                        Some(count) => *count += 1,
                        None => counts.push(1),
                    }
                    *last = now;
                    let id = ids.next().unwrap();
                    events.push(created(&format!("i{id}"), &format!("t{title}")));
                }
                process.publish_all(events).await;
            }
        }
    }
    let mut expected: Vec<_> = model
        .into_iter()
        .flat_map(|(title, (_, counts))| counts.into_iter().map(move |n| (format!("t{title}"), n)))
        .collect();
    expected.sort();
    let stored = process.stored().await;
    let mut found: Vec<_> = stored
        .into_iter()
        .map(|i| (i.title, i.occurrences))
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_counted_twice_or_lost_whenever_it_restarts(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(play(steps));
    }
}
