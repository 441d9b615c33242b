//! Fakes for tests of modules: everything a context holds, in memory. And any bytes for parsers.

pub mod fuzz;
pub mod targets;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::deliveries::Deliveries;
use crate::incident::Incidents;
use crate::metrics::Metrics;
use crate::module::{
    Access, Context, HealthReporter, Manifest, Registry, Requests, System, Tasks, Watched,
};
use crate::oncall::OnCall;
use crate::safety::audit::{Audit, SigningKey};
use crate::safety::credentials::Credentials;
use crate::safety::gate::Gate;
use crate::safety::powers::{Decisions, ModuleActions};
use crate::safety::runbook::RunbookRuns;
use crate::safety::runner::Runner;
use crate::storage::{MemoryStorage, SharedStorage, Store};
use crate::views::SavedViews;

/// A bus with incidents on some storage, and contexts for modules on it.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The storage; open a second bench on it to play a restart.
    pub storage: SharedStorage,
    /// The bus.
    pub bus: Bus,
    /// The incidents.
    pub incidents: Incidents,
    /// Who is on call.
    pub on_call: OnCall,
    /// The runs of runbooks.
    pub runbooks: RunbookRuns,
    /// What was sent to which channel.
    pub deliveries: Deliveries,
    /// The audit log, signed with the same key on every bench; nobody keeps it.
    pub audit: Audit,
    /// The gate; nobody lets its proposals expire.
    pub gate: Gate,
    pub(crate) runner: Runner,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The metrics.
    pub metrics: Metrics,
    /// The view of the system.
    pub system: System,
    /// How callers of user interfaces prove who they are; by default nobody asks.
    pub access: Access,
}

impl Bench {
    /// A bench on fresh memory with the machine's clock.
    pub async fn new() -> Self {
        Self::on(Arc::new(MemoryStorage::default()), SystemClock::shared()).await
    }

    /// A bench on `storage` with `clock`.
    ///
    /// # Panics
    /// When the storage does not work.
    pub async fn on(storage: SharedStorage, clock: Arc<dyn Clock>) -> Self {
        Self::driven(storage, clock, Registry::default()).await.0
    }

    /// The same with built-in modules, and what modules ask of whoever drives the runtime.
    ///
    /// # Panics
    /// When the storage does not work.
    pub async fn driven(
        storage: SharedStorage,
        clock: Arc<dyn Clock>,
        registry: Registry,
    ) -> (Self, Requests) {
        let metrics = Metrics::default();
        let (health, _) = HealthReporter::new(Arc::clone(&clock));
        let bus = Bus::start(Arc::clone(&storage), Arc::clone(&clock), &metrics, health)
            .await
            .expect("the storage of a test works");
        let audit = Audit::open(bus.clone(), Arc::clone(&storage), SigningKey::of_tests())
            .await
            .expect("the storage of a test works");
        let incidents = Incidents::open(bus.clone(), Arc::clone(&storage), audit.clone())
            .await
            .expect("the storage of a test works");
        let on_call = OnCall::open(bus.clone(), Arc::clone(&storage), audit.clone())
            .await
            .expect("the storage of a test works");
        let runbooks = RunbookRuns::open(
            bus.clone(),
            Arc::clone(&storage),
            incidents.clone(),
            audit.clone(),
        )
        .await
        .expect("the storage of a test works");
        let deliveries = Deliveries::open(Arc::clone(&storage), Arc::clone(&clock))
            .await
            .expect("the storage of a test works");
        let gate = Gate::open(
            bus.clone(),
            Arc::clone(&storage),
            audit.clone(),
            incidents.clone(),
        )
        .await
        .expect("the storage of a test works");
        let runner = Runner::start_up(gate.clone())
            .await
            .expect("the storage of a test works");
        let credentials = Credentials::open(
            bus.clone(),
            Arc::clone(&storage),
            Arc::clone(&clock),
            audit.clone(),
        )
        .await
        .expect("the storage of a test works");
        let views = SavedViews::open(bus.clone(), Arc::clone(&storage), audit.clone())
            .await
            .expect("the storage of a test works");
        let access = Access {
            auth: Arc::default(),
            credentials,
            decisions: Decisions::new(gate.clone(), runner.clone()),
            views,
            config_file: None,
        };
        let (system, requests) =
            System::new(bus.clone(), metrics.clone(), Arc::clone(&clock), registry);
        let bench = Self {
            storage,
            bus,
            incidents,
            on_call,
            runbooks,
            deliveries,
            audit,
            gate,
            runner,
            clock,
            metrics,
            system,
            access,
        };
        (bench, requests)
    }

    /// The context of a module. Cancel its `cancel` to end the module.
    #[must_use]
    pub fn context(&self, manifest: &'static Manifest) -> Context {
        let (health, receiver) = HealthReporter::new(Arc::clone(&self.clock));
        self.system.watch(Watched::constant(manifest, receiver));
        Context {
            id: manifest.id,
            bus: self.bus.of_module(manifest.rights(), health.clone()),
            store: Store::new(Arc::clone(&self.storage), manifest.id),
            incidents: self.incidents.clone(),
            on_call: self.on_call.clone(),
            runbooks: self.runbooks.clone(),
            deliveries: self.deliveries.clone(),
            audit: self.audit.of_module(manifest.id),
            actions: ModuleActions::new(self.gate.clone(), self.runner.clone(), manifest.id),
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.of_module(manifest.id),
            health,
            cancel: CancellationToken::new(),
            tasks: Tasks::of(manifest.id),
            system: self.system.clone(),
            access: self.access.for_category(manifest.category),
        }
    }

    /// The power to decide what is proposed.
    #[must_use]
    pub fn decisions(&self) -> Decisions {
        Decisions::new(self.gate.clone(), self.runner.clone())
    }

    /// Says which configuration the modules run with.
    pub fn set_config(&self, config: Config) {
        self.system.set_config(Arc::new(config));
    }

    /// Says that the system is ready, or not.
    pub fn set_ready(&self, ready: bool) {
        self.system.set_ready(ready);
    }
}
