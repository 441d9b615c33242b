//! What the bus promises, on a memory storage that can be made to fail.

mod faulty;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use self::faulty::FaultyStorage;
use super::{
    DeliveryError, DeliveryPolicy, Publication, PublishError, Stage, StageOrder, Staged, Tx,
};
use crate::clock::{SystemClock, Timestamp};
use crate::event::{Envelope, Event as _, IncidentCleared, IncidentCreated, IncidentRepeated};
use crate::health::HealthStatus;
use crate::incident::{IncidentId, Severity};
use crate::module::{Category, Context, Manifest};
use crate::signal::PositionTracker;
use crate::storage::{MemoryStorage, SharedStorage};
use crate::testing::Bench;

static MODULE: Manifest = Manifest {
    consumes: &["incident.created", "incident.repeated"],
    emits: &["incident.created", "incident.repeated"],
    ..Manifest::new("detector.test", Category::Detector, "")
};

fn created(id: &str) -> IncidentCreated {
    IncidentCreated {
        incident_id: IncidentId::from(id),
        title: format!("title of {id}"),
        description: String::new(),
        severity: Severity::Warning,
        detected_by: MODULE.id.into(),
        source_event: None,
        detected_at: Timestamp::UNIX_EPOCH,
        occurrences: 1,
        last_seen_at: None,
        auto_resolve_ms: None,
        context: Map::new(),
    }
}

fn memory() -> SharedStorage {
    Arc::new(MemoryStorage::default())
}

async fn bench(storage: &SharedStorage) -> (Bench, Context) {
    let bench = Bench::on(Arc::clone(storage), SystemClock::shared()).await;
    let cx = bench.context(&MODULE);
    (bench, cx)
}

/// The ids of the incidents in the journal.
async fn journaled(bench: &Bench) -> Vec<String> {
    let events = bench.bus.journal().read(0, 10_000).await.unwrap();
    let id = |event: &Arc<Envelope>| {
        event
            .correlation_id
            .as_deref()
            .unwrap_or_default()
            .to_owned()
    };
    events.iter().map(id).collect()
}

/// Reads with a consumer until `count` events came.
async fn consume(cx: &Context, part: &str, count: usize) -> Vec<String> {
    let mut consumer = cx
        .bus
        .consumer(part, &[IncidentCreated::TYPE])
        .await
        .unwrap();
    let seen = Mutex::new(Vec::new());
    let cancel = CancellationToken::new();
    let handle = async |envelope: &Arc<Envelope>| {
        let event = envelope.payload::<IncidentCreated>().unwrap();
        let mut seen = seen.lock().unwrap();
        seen.push(event.incident_id.to_string());
        if seen.len() == count {
            cancel.cancel();
        }
        Ok(())
    };
    consumer.run(&cancel, handle).await.unwrap();
    drop(consumer);
    seen.into_inner().unwrap()
}

#[tokio::test]
async fn a_module_publishes_only_what_it_declares() {
    let (_bench, cx) = bench(&memory()).await;
    let cleared = IncidentCleared {
        incident_id: IncidentId::from("a"),
        cleared_by: MODULE.id.into(),
        reason: String::new(),
        cleared_at: Timestamp::UNIX_EPOCH,
    };
    let error = cx.bus.publish(cleared).await.unwrap_err();
    assert!(
        matches!(
            error,
            PublishError::Undeclared {
                event: "incident.cleared",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn events_keep_their_order_and_their_wire_form() {
    let (bench, cx) = bench(&memory()).await;
    for id in ["a", "b", "c"] {
        cx.bus.publish(created(id)).await.unwrap();
    }
    assert_eq!(journaled(&bench).await, ["a", "b", "c"]);
    let stored = bench.bus.journal().read(0, 1).await.unwrap().remove(0);
    let wire: serde_json::Value = serde_json::from_str(stored.json()).unwrap();
    assert_eq!(wire["type"], "incident.created");
    assert_eq!(wire["source"], MODULE.id);
    assert_eq!(wire["payload"]["incidentId"], "a");
    let parsed = Envelope::parse(1, stored.json()).unwrap();
    assert_eq!(*parsed.payload::<IncidentCreated>().unwrap(), created("a"));
}

#[tokio::test]
async fn a_stream_that_is_read_again_publishes_nothing_twice() {
    let storage = memory();
    let stream: Arc<str> = "stream".into();
    let publication = |ids: &[(u64, &str)], end| {
        let start = Publication::new().from_stream(&stream, end);
        ids.iter().fold(start, |all, (position, id)| {
            all.event_at(*position, created(id))
        })
    };
    let (first, cx) = bench(&storage).await;
    cx.bus
        .submit(publication(&[(0, "a"), (10, "b")], 20))
        .await
        .unwrap();
    first.bus.close(std::future::pending()).await;

    let (second, cx) = bench(&storage).await;
    cx.bus.submit(publication(&[(0, "a")], 10)).await.unwrap();
    cx.bus
        .submit(publication(&[(10, "b"), (20, "c")], 30))
        .await
        .unwrap();
    second.bus.close(std::future::pending()).await;
    assert_eq!(journaled(&second).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_forgotten_stream_starts_anew() {
    let (bench, cx) = bench(&memory()).await;
    for stream in ["s", "s2"] {
        let stream = stream.into();
        let once = || {
            Publication::new()
                .from_stream(&stream, 1)
                .event_at(0, created(&stream))
        };
        cx.bus.submit(once()).await.unwrap();
    }
    cx.bus.forget_stream(&"s".into()).await.unwrap();
    for stream in ["s", "s2"] {
        let stream = stream.into();
        let again = Publication::new()
            .from_stream(&stream, 1)
            .event_at(0, created(&stream));
        cx.bus.submit(again).await.unwrap();
    }
    bench.bus.close(std::future::pending()).await;
    assert_eq!(journaled(&bench).await, ["s", "s2", "s"]);
}

#[tokio::test]
async fn an_acknowledgement_is_released_when_its_events_are_stored() {
    let storage = Arc::new(FaultyStorage::default());
    storage.fail(true);
    let shared: SharedStorage = Arc::<FaultyStorage>::clone(&storage);
    storage.fail(false);
    let (bench, cx) = bench(&shared).await;
    let tracker = PositionTracker::new(0, Arc::default());
    storage.fail(true);
    cx.bus
        .submit(Publication::new().ack(tracker.begin(9)).event(created("a")))
        .await
        .unwrap();
    while storage.refused() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((tracker.settled(), tracker.in_flight()), (0, 1));
    storage.fail(false);
    bench.bus.close(std::future::pending()).await;
    assert_eq!((tracker.settled(), tracker.in_flight()), (9, 0));
    assert_eq!(journaled(&bench).await, ["a"]);
}

#[tokio::test]
async fn what_cannot_be_stored_fails_its_acknowledgement() {
    let storage = Arc::new(FaultyStorage::default());
    let shared: SharedStorage = Arc::<FaultyStorage>::clone(&storage);
    let (bench, cx) = bench(&shared).await;
    let tracker = PositionTracker::new(0, Arc::default());
    storage.fail(true);
    cx.bus
        .submit(Publication::new().ack(tracker.begin(9)).event(created("a")))
        .await
        .unwrap();
    bench.bus.close(std::future::ready(())).await;
    assert_eq!((tracker.settled(), tracker.has_failed()), (0, true));
}

/// Absorbs incidents whose id starts with `x`, and repeats the others.
struct Filter;

#[async_trait]
impl Stage<IncidentCreated> for Filter {
    async fn process(&mut self, staged: &mut [Staged<IncidentCreated>], tx: &mut Tx) {
        for staged in staged {
            if staged.event.incident_id.as_str().starts_with('x') {
                staged.absorb();
                continue;
            }
            staged.event.title.push('!');
            tx.emit(IncidentRepeated {
                incident_id: staged.event.incident_id.clone(),
                occurrences: 1,
                last_seen_at: tx.now(),
                by_rule: BTreeMap::default(),
            });
        }
    }
}

#[tokio::test]
async fn stages_amend_absorb_and_emit_before_anything_is_stored() {
    let (bench, cx) = bench(&memory()).await;
    cx.bus
        .stage::<IncidentCreated>(StageOrder::DEDUP, Filter)
        .await
        .unwrap();
    let all = ["a", "x1", "b"]
        .iter()
        .fold(Publication::new(), |all, id| all.event(created(id)));
    cx.bus.submit(all).await.unwrap();
    bench.bus.close(std::future::pending()).await;
    let events = bench.bus.journal().read(0, 10).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind()).collect();
    assert_eq!(
        kinds,
        [
            "incident.created",
            "incident.created",
            "incident.repeated",
            "incident.repeated"
        ]
    );
    assert_eq!(
        events[1].payload::<IncidentCreated>().unwrap().title,
        "title of b!"
    );
}

struct Panics;

#[async_trait]
impl Stage<IncidentCreated> for Panics {
    async fn process(&mut self, _: &mut [Staged<IncidentCreated>], _: &mut Tx) {
        panic!("a stage of a test");
    }
}

#[tokio::test]
async fn a_stage_that_panics_takes_no_event_with_it() {
    let (bench, cx) = bench(&memory()).await;
    cx.bus
        .stage::<IncidentCreated>(StageOrder::DEDUP, Panics)
        .await
        .unwrap();
    cx.bus.publish(created("a")).await.unwrap();
    assert_eq!(journaled(&bench).await, ["a"]);
}

#[tokio::test]
async fn a_consumer_resumes_from_its_place() {
    let storage = memory();
    let (first, cx) = bench(&storage).await;
    assert_eq!(consume_published(&cx, &["a", "b"], 1).await, ["a"]);
    first.bus.close(std::future::pending()).await;
    let (_second, cx) = bench(&storage).await;
    assert_eq!(consume(&cx, "part", 1).await, ["b"]);
}

/// Attaches first, so that the consumer's place is before the events.
async fn consume_published(cx: &Context, ids: &[&str], count: usize) -> Vec<String> {
    drop(cx.bus.consumer("part", &[]).await.unwrap());
    for id in ids {
        cx.bus.publish(created(id)).await.unwrap();
    }
    consume(cx, "part", count).await
}

#[tokio::test(start_paused = true)]
async fn a_failing_delivery_is_repeated_and_shows_in_the_health() {
    let (_bench, cx) = bench(&memory()).await;
    let mut consumer = cx.bus.consumer("", &[IncidentCreated::TYPE]).await.unwrap();
    cx.bus.publish(created("a")).await.unwrap();
    let cancel = CancellationToken::new();
    let mut attempts = 0;
    let handle = async |_: &Arc<Envelope>| {
        attempts += 1;
        if attempts == 2 {
            assert_eq!(cx.health.current().status, HealthStatus::Degraded);
        }
        if attempts < 5 {
            return Err(DeliveryError::transient("refused"));
        }
        cancel.cancel();
        Ok(())
    };
    consumer.run(&cancel, handle).await.unwrap();
    assert_eq!(attempts, 5);
    assert_eq!(cx.health.current().status, HealthStatus::Healthy);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_becomes_a_dead_letter_that_can_be_retried() {
    let (bench, cx) = bench(&memory()).await;
    let policy = DeliveryPolicy {
        give_up_after: Duration::from_secs(10),
        ..DeliveryPolicy::default()
    };
    let consumer = cx
        .bus
        .consumer("part", &[IncidentCreated::TYPE])
        .await
        .unwrap();
    let mut consumer = consumer.with_policy(policy);
    cx.bus.publish(created("poison")).await.unwrap();
    cx.bus.publish(created("slow")).await.unwrap();
    cx.bus.publish(created("good")).await.unwrap();
    let (mut seen, cancel) = (Vec::new(), CancellationToken::new());
    let handle = async |envelope: &Arc<Envelope>| {
        let id = envelope
            .correlation_id
            .as_deref()
            .unwrap_or_default()
            .to_owned();
        let outcome = match id.as_str() {
            "poison" if !seen.contains(&"good".to_owned()) => Err(DeliveryError::permanent("no")),
            "slow" => Err(DeliveryError::transient("not now")),
            _ => Ok(()),
        };
        if outcome.is_ok() {
            seen.push(id.clone());
        }
        if id == "good" {
            let (letters, _) = bench.bus.dead_letters(None, 10).await.unwrap();
            let consumers: Vec<_> = letters
                .iter()
                .map(|letter| letter.consumer.as_str())
                .collect();
            assert_eq!(consumers, ["detector.test/part"; 2]);
            let poison = letters.iter().find(|letter| letter.attempts == 1).unwrap();
            assert!(
                bench
                    .bus
                    .retry_dead_letter(&poison.id)
                    .await
                    .unwrap()
                    .is_some()
            );
        }
        if id == "poison" && outcome.is_ok() {
            cancel.cancel();
        }
        outcome
    };
    consumer.run(&cancel, handle).await.unwrap();
    drop(consumer);
    assert_eq!(seen, ["good", "poison"]);
    let (letters, _) = bench.bus.dead_letters(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].attempts > 1 && letters[0].error.contains("not now"));
}

#[tokio::test]
async fn the_journal_is_trimmed_behind_the_slowest_consumer() {
    let (bench, cx) = bench(&memory()).await;
    let behind = cx.bus.consumer("behind", &[]).await.unwrap();
    let publish = async |count: usize| {
        for chunk in 0..count / 500 {
            let ids = (0..500).map(|index| format!("{chunk}-{index}"));
            let all = ids.fold(Publication::new(), |all, id| all.event(created(&id)));
            cx.bus.submit(all).await.unwrap();
        }
        cx.bus.publish(created("last")).await.unwrap();
    };
    publish(3_000).await;
    assert_eq!(bench.storage.count("system::journal").await.unwrap(), 3_001);
    drop(behind);
    publish(1_000).await;
    let kept = bench.storage.count("system::journal").await.unwrap();
    assert!((1_000..2_600).contains(&kept), "{kept}");
}
