//! What the tests of this crate share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{Publication, PublishError};
use opspilot_core::clock::{Clock as _, ManualClock, Timestamp};
use opspilot_core::event::{Event, IncidentCreated};
use opspilot_core::incident::{Incident, IncidentFilter, IncidentId, Severity};
use opspilot_core::module::{Category, Context, Manifest, Module};
use opspilot_core::storage::{
    Definition, Document, MemoryStorage, Page, Query, SharedStorage, Storage, StorageError,
    WriteBatch,
};
use opspilot_core::testing::Bench;
use serde_json::Map;

/// A module that publishes whatever a test needs.
pub(crate) static DETECTOR: Manifest = Manifest {
    emits: &[
        "incident.created",
        "incident.repeated",
        "incident.cleared",
        "enrichment.completed",
    ],
    ..Manifest::new("detector.regex", Category::Detector, "")
};

/// An incident as a detector publishes it.
pub(crate) fn created(id: &str, title: &str) -> IncidentCreated {
    IncidentCreated {
        incident_id: IncidentId::from(id),
        title: title.into(),
        description: String::new(),
        severity: Severity::Warning,
        detected_by: DETECTOR.id.into(),
        source_event: None,
        detected_at: Timestamp::UNIX_EPOCH,
        occurrences: 1,
        last_seen_at: None,
        auto_resolve_ms: None,
        context: Map::new(),
    }
}

/// A process: a bench, its clock, and what a detector uses.
pub(crate) struct Process {
    pub(crate) bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) detector: Context,
}

impl Process {
    pub(crate) async fn new() -> Self {
        let start = Timestamp::from_millis(1_000_000_000_000);
        Self::on(Arc::new(MemoryStorage::default()), start).await
    }

    pub(crate) async fn on(storage: SharedStorage, now: Timestamp) -> Self {
        let clock = ManualClock::starting_at(now);
        let bench = Bench::on(storage, Arc::clone(&clock) as _).await;
        let detector = bench.context(&DETECTOR);
        Self {
            bench,
            clock,
            detector,
        }
    }

    /// Another process on the same storage, after this one ended.
    pub(crate) async fn restart(self) -> Self {
        self.bench.bus.close(std::future::pending()).await;
        Self::on(self.bench.storage, self.clock.now()).await
    }

    /// Initialises a module and leaves it running.
    pub(crate) async fn start<M: Module>(&self, config: M::Config) -> Context {
        let cx = self.bench.context(Box::leak(Box::new(M::MANIFEST)));
        let mut module = M::new(config).expect("the options of a test are right");
        module.init(&cx).await.expect("the storage of a test works");
        let running = cx.clone();
        cx.tasks.spawn("run", async move {
            module.run(&running).await.expect("the module goes on");
        });
        cx
    }

    pub(crate) async fn publish<E: Event>(&self, event: E) -> Result<(), PublishError> {
        self.detector.bus.publish(event).await
    }

    /// Publishes all of `events` as one group.
    pub(crate) async fn publish_all(&self, events: impl IntoIterator<Item = IncidentCreated>) {
        let all = events
            .into_iter()
            .fold(Publication::new(), Publication::event);
        let journal = self.bench.bus.journal();
        let mut head = journal.watch();
        head.mark_unchanged();
        self.detector
            .bus
            .submit(all)
            .await
            .expect("the bus is open");
        head.changed().await.expect("the journal lives");
    }

    /// Every stored incident, newest first.
    pub(crate) async fn stored(&self) -> Vec<Incident> {
        let filter = IncidentFilter::default();
        let (all, _) = self
            .bench
            .incidents
            .list(&filter, None, 100_000)
            .await
            .expect("lists");
        all
    }

    pub(crate) async fn incident(&self, id: &str) -> Incident {
        self.bench
            .incidents
            .get(&IncidentId::from(id))
            .await
            .expect("it is stored")
    }

    /// The types of all journaled events.
    pub(crate) async fn journaled(&self) -> Vec<String> {
        let events = self
            .bench
            .bus
            .journal()
            .read(0, 100_000)
            .await
            .expect("reads");
        events.iter().map(|event| event.kind().to_owned()).collect()
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

/// How many of `kinds` are `kind`.
pub(crate) fn count(kinds: &[String], kind: &str) -> usize {
    kinds.iter().filter(|found| *found == kind).count()
}

/// A memory that can refuse to write for good.
#[derive(Debug, Default)]
pub(crate) struct Refusing {
    memory: MemoryStorage,
    pub(crate) refuses: AtomicBool,
}

#[async_trait]
impl Storage for Refusing {
    fn engine(&self) -> &'static str {
        "refusing"
    }

    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        self.memory.define(collection, definition).await
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        self.memory.get(collection, key).await
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        self.memory.query(collection, query).await
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        self.memory.count(collection).await
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StorageError::Closed);
        }
        self.memory.apply(batch).await
    }
}
