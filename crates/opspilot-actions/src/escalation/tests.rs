//! What escalating promises, through the bus, with the clock in the hands of the test.

mod crashes;
mod life;
mod options;
mod reach;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::{Clock as _, ManualClock, Timestamp};
use opspilot_core::config::ModuleOptions;
use opspilot_core::event::{Event as _, IncidentCreated, IncidentEscalated};
use opspilot_core::incident::{Change, IncidentId, Incidents, Severity, Transition};
use opspilot_core::module::{Context, Factory};
use opspilot_core::storage::{MemoryStorage, SharedStorage};
use opspilot_core::testing::Bench;
use serde_json::{Map, Value, json};

use super::Escalation;

const MINUTE: Duration = Duration::from_mins(1);

/// A process with a running module.
struct Scene {
    bench: Bench,
    clock: Arc<ManualClock>,
    cx: Context,
}

/// Stores an incident and tells of it, as the stages of the enrichers do.
struct Create(Incidents, IncidentCreated);

#[async_trait]
impl Work for Create {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        if self.0.create_in(tx, &self.1).await.unwrap() {
            tx.emit(self.1);
        }
    }
}

/// Two levels, of which the second repeats twice.
fn options() -> Value {
    json!({
        "policies": [{
            "id": "all",
            "levels": [
                { "level": 1, "afterMs": 300_000, "notify": ["on-call"] },
                { "level": 2, "afterMs": 900_000, "notify": ["team-lead"], "repeat": true,
                    "repeatIntervalMs": 600_000, "maxRepeats": 2 },
            ],
        }],
    })
}

impl Scene {
    async fn new(options: Value) -> Self {
        let clock = ManualClock::starting_at(Timestamp::parse("2026-03-02T12:00:00Z").unwrap());
        Self::on(Arc::new(MemoryStorage::default()), clock, options).await
    }

    async fn on(storage: SharedStorage, clock: Arc<ManualClock>, options: Value) -> Self {
        let bench = Bench::on(storage, Arc::clone(&clock) as _).await;
        let factory = Factory::of::<Escalation>();
        let cx = bench.context(factory.manifest());
        let options = ModuleOptions::from_json("action.escalation", options);
        let mut module = factory.build(&options).unwrap();
        module.init(&cx).await.unwrap();
        let running = cx.clone();
        cx.tasks.spawn("run", async move {
            // Only a storage that died ends it; a test that needs it sees nothing happen.
            module.run(&running).await.ok();
        });
        Self { bench, clock, cx }
    }

    /// Ends the process without a word, and starts another `later`.
    async fn restart(self, later: Duration, options: Value) -> Self {
        self.cx.cancel.cancel();
        self.bench.bus.close(std::future::pending()).await;
        self.clock.advance(later);
        Self::on(self.bench.storage, self.clock, options).await
    }

    /// Lets both clocks pass by `minutes`, in steps of 15 seconds.
    async fn pass(&self, minutes: u32) {
        // What was just published is followed first.
        tokio::time::sleep(Duration::from_millis(1)).await;
        for _ in 0..minutes * 4 {
            self.clock.advance(MINUTE / 4);
            tokio::time::sleep(MINUTE / 4).await;
        }
    }

    async fn create(&self, id: &str) {
        self.create_like(id, "Disk full", Severity::Warning).await;
    }

    async fn create_like(&self, id: &str, title: &str, severity: Severity) {
        let event = IncidentCreated {
            incident_id: IncidentId::from(id),
            title: title.into(),
            description: String::new(),
            severity,
            detected_by: "detector.regex".into(),
            source_event: None,
            detected_at: self.clock.now(),
            occurrences: 1,
            last_seen_at: None,
            auto_resolve_ms: None,
            context: Map::new(),
        };
        let create = Create(self.bench.incidents.clone(), event);
        self.bench
            .bus
            .transact("detector.regex", create)
            .await
            .unwrap();
    }

    async fn change(&self, id: &str, change: Change) {
        let id = IncidentId::from(id);
        self.bench
            .incidents
            .change(&id, change, "ann", None)
            .await
            .unwrap();
    }

    async fn move_to(&self, id: &str, transition: Transition) {
        self.change(id, Change::Transition(transition)).await;
    }

    async fn escalated(&self) -> Vec<IncidentEscalated> {
        let events = self.bench.bus.journal().read(0, 100_000).await.unwrap();
        let told = events
            .iter()
            .filter(|event| event.kind() == IncidentEscalated::TYPE);
        told.map(|event| (*event.payload::<IncidentEscalated>().unwrap()).clone())
            .collect()
    }

    /// What was told: incident, minutes since it arrived, level, and how many times before.
    async fn told(&self) -> Vec<String> {
        let line = |event: &IncidentEscalated| {
            let minutes = event.elapsed_ms.div_ceil(60_000);
            let skipped = match event.skipped_levels.as_slice() {
                [] => String::new(),
                skipped => format!(" past {skipped:?}"),
            };
            let repetition = event.repetition;
            format!(
                "{} {minutes} L{} x{repetition}{skipped}",
                event.incident_id, event.level
            )
        };
        self.escalated().await.iter().map(line).collect()
    }

    fn detail(&self, key: &str) -> u64 {
        self.cx.health.current().details[key].as_u64().unwrap()
    }

    fn trouble(&self) -> String {
        self.cx.health.current().message.unwrap_or_default()
    }
}
