//! What the tests of this crate share.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::bus::Publication;
use opspilot_core::clock::{ManualClock, Timestamp};
use opspilot_core::event::{EnrichmentCompleted, Envelope, IncidentCreated, IncidentEscalated};
use opspilot_core::incident::{IncidentId, Severity};
use opspilot_core::module::{Category, Context, Factory, Manifest};
use opspilot_core::storage::MemoryStorage;
use opspilot_core::testing::Bench;
use serde_json::{Map, json};

use crate::channels::Channels;

/// A module that publishes whatever a test needs.
pub(crate) static DETECTOR: Manifest = Manifest {
    emits: &[
        "incident.created",
        "incident.escalated",
        "enrichment.completed",
        "action.executed",
        "action.withdrawn",
    ],
    ..Manifest::new("detector.regex", Category::Detector, "")
};

/// An incident as a detector publishes it.
pub(crate) fn created(id: &str, severity: Severity) -> IncidentCreated {
    IncidentCreated {
        incident_id: IncidentId::from(id),
        title: format!("title of {id}"),
        description: String::new(),
        severity,
        detected_by: DETECTOR.id.into(),
        source_event: None,
        detected_at: Timestamp::UNIX_EPOCH,
        occurrences: 1,
        last_seen_at: None,
        auto_resolve_ms: None,
        context: Map::from_iter([("matchedLine".to_owned(), json!(format!("line of {id}")))]),
    }
}

/// What deduplication says of a repeated incident.
pub(crate) fn repeated(id: &str) -> EnrichmentCompleted {
    EnrichmentCompleted {
        incident_id: IncidentId::from(id),
        enricher_module: "enricher.dedup".into(),
        enrichment_type: "dedup_occurrence".into(),
        data: Map::new(),
        completed_at: Timestamp::UNIX_EPOCH,
    }
}

/// An escalation that is meant for `channels`.
pub(crate) fn escalated(id: &str, channels: &[&str]) -> IncidentEscalated {
    IncidentEscalated {
        incident_id: IncidentId::from(id),
        policy_id: "critical".into(),
        level: 1,
        notify: vec!["schedule:primary".into()],
        people: Vec::new(),
        channels: channels.iter().map(|&id| id.to_owned()).collect(),
        skipped_levels: Vec::new(),
        repetition: 0,
        reason: "nobody took it for 5 min".into(),
        elapsed_ms: 300_000,
        severity: Severity::Critical,
        title: format!("title of {id}"),
    }
}

/// A bench with a clock, and what publishes on it.
pub(crate) struct Process {
    pub(crate) bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    detector: Context,
}

impl Process {
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::starting_at(Timestamp::from_millis(1_000_000_000_000));
        let bench = Bench::on(Arc::new(MemoryStorage::default()), Arc::clone(&clock) as _).await;
        let detector = bench.context(&DETECTOR);
        Self {
            bench,
            clock,
            detector,
        }
    }

    /// The context of `notifier.channels`.
    pub(crate) fn context(&self) -> Context {
        self.bench.context(Factory::of::<Channels>().manifest())
    }

    /// Publishes warnings, all of them as one group.
    pub(crate) async fn publish(&self, ids: impl IntoIterator<Item = String>) {
        let add = |all: Publication, id: String| all.event(created(&id, Severity::Warning));
        self.send(ids.into_iter().fold(Publication::new(), add))
            .await;
    }

    pub(crate) async fn send(&self, all: Publication) {
        let mut head = self.bench.bus.journal().watch();
        head.mark_unchanged();
        self.detector
            .bus
            .submit(all)
            .await
            .expect("the bus is open");
        head.changed().await.expect("the journal lives");
    }

    /// The event in place `seq` of the journal.
    pub(crate) async fn event(&self, seq: u64) -> Arc<Envelope> {
        let mut found = self
            .bench
            .bus
            .journal()
            .read(seq - 1, 1)
            .await
            .expect("reads");
        found.remove(0)
    }

    /// Lets both clocks pass by `seconds`, in steps. Tokio's must be paused.
    pub(crate) async fn pass(&self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.clock.advance(Duration::from_millis(250));
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}
