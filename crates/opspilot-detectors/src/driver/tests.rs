//! The driver on a bus in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::bus::ModuleBus;
use opspilot_core::clock::{Clock, ManualClock, Timestamp};
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::module::{BuildError, Category, Context, Manifest, Module};
use opspilot_core::signal::{Ack, LogBatch, PositionTracker};
use opspilot_core::storage::{MemoryStorage, SharedStorage};
use opspilot_core::testing::Bench;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Driven;
use crate::detector::{Detector, DetectorModule, Finding, Reason};
use crate::regex::Regex;
use crate::testing::{batch_with, records};

const CONNECTOR: Manifest = Manifest {
    emits: &["log.ingested"],
    ..Manifest::new("connector.test", Category::Connector, "Sends lines.")
};

/// A detector that adds up the lines it saw, and panics when told to.
#[derive(Debug, Default)]
struct Counter {
    lines: u64,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct NoOptions {}

impl DetectorModule for Counter {
    const MANIFEST: Manifest = crate::manifest("detector.counter", "Counts lines.");
    type Config = NoOptions;

    fn new(_: &NoOptions) -> Result<Self, BuildError> {
        Ok(Self::default())
    }
}

impl Detector for Counter {
    fn observe(&mut self, now: Timestamp, batch: &LogBatch, out: &mut Vec<Finding>) {
        for record in batch.iter() {
            assert!(record.bytes != b"panic", "told to");
            self.lines += 1;
            let event = IncidentRepeated {
                incident_id: "counter".into(),
                occurrences: self.lines,
                last_seen_at: now,
                by_rule: BTreeMap::new(),
            };
            let (position, reason, rule) = (record.position, Reason::Cooldown, Arc::from("r"));
            out.push(Finding::Repeated {
                position,
                event,
                reason,
                rule,
            });
        }
    }

    fn snapshot(&self) -> Value {
        self.lines.into()
    }

    fn restore(&mut self, state: Value) -> Result<(), serde_json::Error> {
        self.lines = serde_json::from_value(state)?;
        Ok(())
    }
}

/// A running system of one detector.
struct World {
    bench: Bench,
    clock: Arc<ManualClock>,
    tracker: PositionTracker,
    connector: ModuleBus,
}

/// A detector that runs in a task of the test.
struct Running {
    cx: Context,
    task: tokio::task::JoinHandle<Result<(), String>>,
}

impl World {
    async fn on(storage: SharedStorage) -> Self {
        let clock = ManualClock::starting_at(Timestamp::from_millis(1_000));
        let bench = Bench::on(storage, Arc::clone(&clock) as Arc<dyn Clock>).await;
        let connector = bench.context(&CONNECTOR).bus;
        Self {
            bench,
            clock,
            tracker: PositionTracker::new(0, Arc::default()),
            connector,
        }
    }

    async fn run<D: DetectorModule>(&self, options: Value) -> Running {
        let manifest: &'static Manifest = Box::leak(Box::new(D::MANIFEST));
        let cx = self.bench.context(manifest);
        let mut module = Driven::<D>::new(serde_json::from_value(options).unwrap()).unwrap();
        module.init(&cx).await.unwrap();
        let context = cx.clone();
        #[expect(clippy::disallowed_methods, reason = "the test owns the task")]
        let task = tokio::spawn(async move {
            let result = module.run(&context).await;
            module.stop(&context).await.unwrap();
            result.map_err(|error| error.to_string())
        });
        Running { cx, task }
    }

    /// Sends lines from position `base`, and returns where they end.
    async fn send(&self, base: u64, lines: &[&str]) -> u64 {
        let records = records(lines);
        let end = batch_with(Ack::ignored(), "s", base, &records).end();
        let batch = batch_with(self.tracker.begin(end), "s", base, &records);
        drop(records);
        self.connector.send_logs(batch).await;
        end
    }

    /// Waits until everything sent so far is settled.
    async fn settled(&self, end: u64) {
        for _ in 0..10_000 {
            if self.tracker.settled() >= end || self.tracker.has_failed() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("settled only up to {}", self.tracker.settled());
    }

    /// What was published, newest last.
    async fn published(&self) -> Vec<String> {
        let journal = self.bench.bus.journal();
        let page = journal.read(0, 1_000).await.unwrap();
        let mut found = Vec::new();
        for envelope in page {
            found.push(match envelope.kind() {
                "incident.created" => {
                    format!(
                        "created {}",
                        envelope.payload::<IncidentCreated>().unwrap().context["position"]
                    )
                }
                "incident.repeated" => {
                    format!(
                        "repeated {}",
                        envelope.payload::<IncidentRepeated>().unwrap().occurrences
                    )
                }
                "incident.cleared" => {
                    format!(
                        "cleared {}",
                        envelope.payload::<IncidentCleared>().unwrap().reason
                    )
                }
                other => other.to_owned(),
            });
        }
        found
    }
}

impl Running {
    async fn stop(self) -> Result<(), String> {
        self.cx.cancel.cancel();
        self.task.await.unwrap()
    }
}

fn regex_options() -> Value {
    let rule = json!({ "id": "x", "pattern": "x", "severity": "info", "title": "X", "cooldownMs": 600_000 });
    json!({ "rules": [rule] })
}

#[tokio::test(start_paused = true)]
async fn findings_are_stored_before_a_batch_is_settled() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let running = world.run::<Regex>(regex_options()).await;
    let end = world.send(0, &["x", "nothing", "x", "x"]).await;
    world.settled(end).await;
    assert_eq!(world.published().await, ["created 0", "repeated 2"]);
    let figures = running.cx.health.clone();
    running.stop().await.unwrap();
    let details = Value::Object(figures.current().details);
    let expected =
        json!({ "activeRules": 1, "incidentsCreated": 1, "linesScanned": 4, "rulesMatched": 3 });
    assert_eq!(details, expected);
    let page = world.bench.metrics.render();
    for line in [
        "lines_total{module=\"detector.regex\"} 4",
        "suppressed_total{module=\"detector.regex\",reason=\"cooldown\"} 2",
    ] {
        assert!(page.contains(line), "{line} not in {page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_findings_settles_without_a_publication() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let running = world.run::<Regex>(regex_options()).await;
    let end = world.send(0, &["nothing"]).await;
    world.settled(end).await;
    assert!(world.published().await.is_empty());
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn state_outlives_a_restart_and_what_is_read_again_counts_once() {
    let storage: SharedStorage = Arc::new(MemoryStorage::default());
    let world = World::on(Arc::clone(&storage)).await;
    let running = world.run::<Counter>(json!({})).await;
    let end = world.send(0, &["a", "b"]).await;
    world.settled(end).await;
    running.stop().await.unwrap();
    let running = world.run::<Counter>(json!({})).await;
    // Another cut of the same stream: two lines that are known, and a new one.
    let end = world.send(2, &["b", "c"]).await;
    world.settled(end).await;
    running.stop().await.unwrap();
    assert_eq!(
        world.published().await,
        ["repeated 1", "repeated 2", "repeated 3"]
    );
}

#[tokio::test(start_paused = true)]
async fn state_lost_in_a_crash_is_made_again_without_publishing_twice() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let running = world.run::<Counter>(json!({})).await;
    let end = world.send(0, &["a", "b"]).await;
    world.settled(end).await;
    running.task.abort();
    let running = world.run::<Counter>(json!({})).await;
    let end = world.send(0, &["a", "b", "c"]).await;
    world.settled(end).await;
    assert_eq!(
        world.published().await,
        ["repeated 1", "repeated 2", "repeated 3"]
    );
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_counted_on_an_incident_that_only_the_second_reading_would_have_made() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let running = world.run::<Regex>(regex_options()).await;
    let end = world.send(0, &["x", "x"]).await;
    world.settled(end).await;
    running.task.abort();
    // Without its state the detector would make an incident of the line at 2, which was counted on that of the line at 0.
    let running = world.run::<Regex>(regex_options()).await;
    let end = world.send(2, &["x", "x", "x"]).await;
    world.settled(end).await;
    assert_eq!(
        world.published().await,
        ["created 0", "repeated 1", "created 4", "repeated 1"]
    );
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_source_sends_again_is_not_published_again() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let running = world.run::<Counter>(json!({})).await;
    let end = world.send(0, &["a", "b"]).await;
    world.settled(end).await;
    let end = world.send(0, &["a", "b", "c"]).await;
    world.settled(end).await;
    let page = world.bench.metrics.render();
    let lines = "opspilot_detector_lines_total{module=\"detector.counter\"} 3";
    assert!(page.contains(lines), "{page}");
    assert_eq!(
        world.published().await,
        ["repeated 1", "repeated 2", "repeated 3"]
    );
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_state_is_stored_every_ten_seconds() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let running = world.run::<Counter>(json!({})).await;
    let end = world.send(0, &["a", "b"]).await;
    world.settled(end).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    running.task.abort();
    let running = world.run::<Counter>(json!({})).await;
    let end = world.send(4, &["c"]).await;
    world.settled(end).await;
    assert_eq!(world.published().await.last().unwrap(), "repeated 3");
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_the_batch_and_ends_the_module() {
    for filler in [1, 20_000] {
        let world = World::on(Arc::new(MemoryStorage::default())).await;
        let running = world.run::<Counter>(json!({})).await;
        let filler = "z".repeat(filler);
        let end = world.send(0, &["panic", &filler]).await;
        world.settled(end).await;
        assert!(world.tracker.has_failed() && world.tracker.settled() == 0);
        match running.task.await {
            Ok(ended) => assert!(ended.unwrap_err().contains("cut short")),
            Err(error) => assert!(error.is_panic()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_the_stop_is_looked_at() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let running = world.run::<Counter>(json!({})).await;
    running.cx.cancel.cancel();
    let end = world.send(0, &["a"]).await;
    running.task.await.unwrap().unwrap();
    world.settled(end).await;
    assert_eq!(
        (world.published().await.len(), world.tracker.has_failed()),
        (1, false)
    );
}

#[tokio::test(start_paused = true)]
async fn an_incident_that_is_over_is_cleared() {
    let world = World::on(Arc::new(MemoryStorage::default())).await;
    let rule = json!({
        "id": "cpu", "metric": "cpu", "valuePattern": "cpu=(.*)", "threshold": 90, "operator": "gt", "severity": "info",
        "title": "CPU", "clearAfterMs": 1_000,
    });
    let running = world
        .run::<crate::threshold::Threshold>(json!({ "rules": [rule] }))
        .await;
    let end = world.send(0, &["cpu=95", "cpu=10"]).await;
    world.settled(end).await;
    world.clock.advance(Duration::from_secs(1));
    let end = world.send(end, &["cpu=10"]).await;
    world.settled(end).await;
    assert_eq!(
        world.published().await,
        ["created 0", "cleared no value was > 90 for 1 s"]
    );
    running.stop().await.unwrap();
}

#[test]
fn detectors_are_built_without_a_runtime() {
    use opspilot_core::config::ModuleOptions;
    let options = |id: &str, value| ModuleOptions::from_json(id, value);
    assert!(
        super::build(&options("detector.regex", regex_options()))
            .unwrap()
            .is_ok()
    );
    assert!(super::build(&options("connector.fileTail", json!({}))).is_none());
    let wrong =
        json!({ "rules": [{ "id": "x", "pattern": "(", "severity": "info", "title": "X" }] });
    let error = super::build(&options("detector.regex", wrong))
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("pattern"), "{error}");
    assert!(super::MODULES.iter().all(|module| {
        super::DETECTORS
            .iter()
            .any(|(id, _)| *id == module.manifest().id)
    }));
}
