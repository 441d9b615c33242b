//! The driver with a notifier that writes down what it is given.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{DeliveryError, Publication};
use opspilot_core::deliveries::{DeliveryFilter, DeliveryState};
use opspilot_core::incident::Severity;
use opspilot_core::module::{Context, HealthStatus};
use proptest::prelude::*;

use super::{Driver, Filter, Notice, Notifier, Totals};
use crate::testing::{Process, created, escalated, repeated};

/// What was delivered: ids of incidents, and counts of summaries.
type Log = Arc<Mutex<Vec<String>>>;

/// Writes down what it is given, after refusing as often as it is told.
#[derive(Default)]
struct Recorder {
    log: Log,
    refusals: Arc<Mutex<usize>>,
}

#[async_trait]
impl Notifier for Recorder {
    async fn deliver(&self, notice: &Notice) -> Result<(), DeliveryError> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(DeliveryError::transient("refused"));
        }
        let text = match notice {
            Notice::Event(event) => event
                .correlation_id
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            Notice::Summary(summary) => format!("+{}", summary.count()),
        };
        self.log.lock().unwrap().push(text);
        Ok(())
    }
}

const ALL: &[&str] = &["incident.created", "enrichment.completed"];

async fn start(
    process: &Process,
    min_severity: Option<Severity>,
    per_minute: usize,
) -> (Recorder, Context) {
    let filter = Filter {
        kinds: ALL.to_vec(),
        min_severity,
    };
    start_as("test", process, filter, per_minute).await
}

async fn start_as(
    part: &str,
    process: &Process,
    filter: Filter,
    per_minute: usize,
) -> (Recorder, Context) {
    let cx = process.context();
    let recorder = Recorder::default();
    let twin = Recorder {
        log: Arc::clone(&recorder.log),
        refusals: Arc::clone(&recorder.refusals),
    };
    let consumer = cx.bus.consumer(part, &filter.reads()).await.unwrap();
    let driver = Driver::new(Box::new(twin), filter, per_minute, Totals::new(&cx), &cx);
    cx.tasks.spawn("channel", driver.run(consumer, cx.clone()));
    (recorder, cx)
}

fn ids(range: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    range.map(|index| format!("i{index}"))
}

impl Recorder {
    fn seen(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_limit_holds_back_is_told_of_once() {
    let process = Process::new().await;
    let (recorder, cx) = start(&process, None, 5).await;
    process.publish(ids(0..42)).await;
    process.pass(59).await;
    assert_eq!(recorder.seen(), ids(0..5).collect::<Vec<_>>());
    process.pass(2).await;
    assert_eq!(recorder.seen().last().unwrap(), "+37");
    process.publish(ids(42..43)).await;
    process.pass(1).await;
    assert_eq!(recorder.seen().last().unwrap(), "i42");
    let details = cx.health.current().details;
    assert_eq!(
        (&details["totalSent"], &details["totalDropped"]),
        (&6.into(), &37.into())
    );
}

#[tokio::test(start_paused = true)]
async fn what_became_of_each_notice_is_on_record() {
    let process = Process::new().await;
    let (recorder, cx) = start(&process, None, 2).await;
    *recorder.refusals.lock().unwrap() = 2;
    process.publish(ids(0..4)).await;
    process.pass(70).await;
    let all = DeliveryFilter::default();
    let (record, _) = cx.deliveries.list(&all, None, 10).await.unwrap();
    let told: Vec<_> = record
        .iter()
        .rev()
        .map(|one| {
            let of = one.correlation_id.as_deref().unwrap_or("summary");
            (of, one.channel.as_str(), one.state, one.attempts)
        })
        .collect();
    let sent = DeliveryState::Sent;
    let expected = [
        ("i0", "test", sent, 3),
        ("i1", "test", sent, 1),
        ("summary", "test", sent, 1),
    ];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_held_back_alone_is_delivered_as_it_is() {
    let process = Process::new().await;
    let (recorder, _cx) = start(&process, None, 1).await;
    process.publish(ids(0..2)).await;
    process.pass(61).await;
    assert_eq!(recorder.seen(), ["i0", "i1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_filtered_takes_no_slot() {
    let process = Process::new().await;
    let (recorder, _cx) = start(&process, Some(Severity::Warning), 2).await;
    let quiet = (0..50).fold(Publication::new(), |all, index| {
        all.event(created(&format!("q{index}"), Severity::Info))
            .event(repeated("loud"))
    });
    process
        .send(quiet.event(created("loud", Severity::Critical)))
        .await;
    process.pass(1).await;
    assert_eq!(recorder.seen(), ["loud"]);
}

#[tokio::test(start_paused = true)]
async fn attempts_take_no_further_slots_and_nothing_is_lost() {
    let process = Process::new().await;
    let (recorder, cx) = start(&process, None, 2).await;
    *recorder.refusals.lock().unwrap() = 4;
    process.publish(ids(0..2)).await;
    process.pass(1).await;
    assert_eq!(cx.health.current().status, HealthStatus::Degraded);
    let message = cx.health.current().message.unwrap();
    assert!(
        message.contains("notifier.channels/test") && message.contains("refused"),
        "{message}"
    );
    process.pass(50).await;
    assert_eq!(recorder.seen(), ["i0", "i1"]);
    assert_eq!(cx.health.current().status, HealthStatus::Healthy);
    assert_eq!(cx.health.current().details["totalErrors"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_summary_that_is_refused_is_tried_again() {
    let process = Process::new().await;
    let (recorder, _cx) = start(&process, None, 1).await;
    process.publish(ids(0..1)).await;
    process.pass(1).await;
    *recorder.refusals.lock().unwrap() = 3;
    process.publish(ids(1..10)).await;
    process.pass(90).await;
    assert_eq!(recorder.seen(), ["i0", "+9"]);
}

/// Never answers.
struct Stuck;

#[async_trait]
impl Notifier for Stuck {
    async fn deliver(&self, _: &Notice) -> Result<(), DeliveryError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_stuck_does_not_hold_up_the_stop() {
    let process = Process::new().await;
    let cx = process.context();
    let filter = Filter {
        kinds: ALL.to_vec(),
        min_severity: None,
    };
    let driver = Driver::new(Box::new(Stuck), filter, 0, Totals::new(&cx), &cx);
    let consumer = cx.bus.consumer("test", ALL).await.unwrap();
    process.publish(ids(0..1)).await;
    let (running, started) = (
        driver.run(consumer, cx.clone()),
        tokio::time::Instant::now(),
    );
    let stop = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        cx.cancel.cancel();
    };
    tokio::join!(running, stop);
    assert!(started.elapsed() < Duration::from_secs(64));
}

/// Every event is delivered by itself or counted in the summary at its place, exactly once and in order.
async fn play(groups: Vec<(usize, u64)>, per_minute: usize) {
    let process = Process::new().await;
    let (recorder, _cx) = start(&process, None, per_minute).await;
    let mut published = 0;
    for (size, pause) in groups {
        process.publish(ids(published..published + size)).await;
        published += size;
        process.pass(pause).await;
    }
    process.pass(130).await;
    let mut next = 0;
    for text in recorder.seen() {
        match text.strip_prefix('+') {
            Some(count) => next += count.parse::<usize>().unwrap(),
            None => {
                assert_eq!(text, format!("i{next}"));
                next += 1;
            }
        }
    }
    assert_eq!(next, published);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_is_lost_or_told_twice(
        groups in prop::collection::vec((1..400usize, 0..70u64), 1..6),
        per_minute in 0..30usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(groups, per_minute));
    }
}

#[tokio::test(start_paused = true)]
async fn an_escalation_is_told_on_the_channels_that_it_names_or_on_all_that_listen() {
    let process = Process::new().await;
    let listening = |kinds: &[&'static str]| Filter {
        kinds: kinds.to_vec(),
        min_severity: None,
    };
    let deaf = listening(&["incident.created"]);
    let keen = listening(&["incident.escalated"]);
    let (deaf, _first) = start_as("deaf", &process, deaf, 0).await;
    let (keen, _second) = start_as("keen", &process, keen, 0).await;
    for (id, channels) in [
        ("a", &["deaf"][..]),
        ("b", &["keen", "deaf"]),
        ("c", &[]),
        ("d", &["other"]),
    ] {
        let event = escalated(id, channels);
        process.send(Publication::new().event(event)).await;
    }
    process.pass(1).await;
    assert_eq!(deaf.seen(), ["a", "b"]);
    assert_eq!(keen.seen(), ["b", "c"]);
}
