//! A view of the whole system, for whoever shows it.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::requests::{Request, Requests};
use super::{Category, Factory, Health, HealthStatus, Manifest, Registry};
use crate::bus::Bus;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::event::ModuleState;
use crate::metrics::{Gauge, MetricSpec, Metrics, Reading};
use crate::rules::RuleCounts;

const MODULE_STATUS: MetricSpec = MetricSpec::gauge(
    "opspilot_module_healthy",
    &[],
    "1 if the module is healthy, 0 if it is not.",
);
const RESTARTS: MetricSpec = MetricSpec::gauge(
    "opspilot_module_restarts",
    &[],
    "How often the module was started again after a failure.",
);
const UPTIME: MetricSpec = MetricSpec::gauge(
    "opspilot_process_uptime_seconds",
    &[],
    "Seconds since the process started.",
);
const RESIDENT: MetricSpec = MetricSpec::gauge(
    "opspilot_process_rss_bytes",
    &[],
    "Resident memory of the process.",
);

/// The metrics of the system view.
pub const METRICS: &[MetricSpec] = &[MODULE_STATUS, RESTARTS, UPTIME, RESIDENT];

/// The state of all modules, and the means to reload them; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct System(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    modules: Mutex<BTreeMap<&'static str, Watched>>,
    offers: Mutex<HashMap<TypeId, Weak<dyn Any + Send + Sync>>>,
    ready: watch::Sender<bool>,
    bus: Bus,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    started_at: Timestamp,
    requests: mpsc::Sender<Request>,
    registry: Registry,
    config: Mutex<Option<Arc<Config>>>,
    rules: RuleCounts,
}

/// What the runtime tells the view of one module.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) manifest: &'static Manifest,
    pub(crate) state: watch::Receiver<ModuleState>,
    pub(crate) health: watch::Receiver<Health>,
    pub(crate) restarts: watch::Receiver<u64>,
}

/// How a module is, as it is served.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModuleStatus {
    /// The module's id.
    pub id: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Its category.
    pub category: Category,
    /// Where it stands in its life.
    pub state: ModuleState,
    /// How often it was started again after a failure.
    pub restarts: u64,
    /// How it is.
    #[serde(flatten)]
    pub health: Health,
}

impl System {
    pub(crate) fn new(
        bus: Bus,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
        registry: Registry,
    ) -> (Self, Requests) {
        let (sender, requests) = mpsc::channel(1);
        let started_at = clock.now();
        metrics.tell_process(started_at);
        let inner = Inner {
            modules: Mutex::default(),
            offers: Mutex::default(),
            ready: watch::channel(false).0,
            started_at,
            bus,
            metrics,
            clock,
            requests: sender,
            registry,
            config: Mutex::default(),
            rules: RuleCounts::default(),
        };
        (Self(Arc::new(inner)), requests)
    }

    /// How every module is, by id; the core itself is `core`.
    #[must_use]
    pub fn modules(&self) -> Vec<ModuleStatus> {
        self.lock().values().map(Watched::status).collect()
    }

    /// How one module is, if it runs.
    #[must_use]
    pub fn module(&self, id: &str) -> Option<ModuleStatus> {
        self.lock().get(id).map(Watched::status)
    }

    /// The manifests of everything that runs, by id; the core's is `core`.
    #[must_use]
    pub fn manifests(&self) -> Vec<&'static Manifest> {
        self.lock()
            .values()
            .map(|watched| watched.manifest)
            .collect()
    }

    /// The factory of a module that is built in, whether or not it runs.
    #[must_use]
    pub fn factory(&self, id: &str) -> Option<Factory> {
        self.0.registry.get(id)
    }

    /// The factories of all modules that are built in, by id.
    #[must_use]
    pub fn factories(&self) -> Vec<Factory> {
        self.0.registry.iter().collect()
    }

    /// The configuration that the modules run with; `None` where there is no runtime.
    #[must_use]
    pub fn config(&self) -> Option<Arc<Config>> {
        let config = self.0.config.lock();
        config.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often the rules of detectors matched; detectors count here.
    #[must_use]
    pub fn rule_counts(&self) -> &RuleCounts {
        &self.0.rules
    }

    /// The current values of the metrics of module `id`.
    #[must_use]
    pub fn readings(&self, id: &str) -> Vec<Reading> {
        self.0.metrics.readings(id)
    }

    /// The worst health of any module.
    #[must_use]
    pub fn health(&self) -> HealthStatus {
        self.lock()
            .values()
            .map(|watched| watched.health.borrow().status)
            .max()
            .unwrap_or_default()
    }

    /// True once every module runs, until the server begins to stop.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.0.ready.borrow()
    }

    /// Follows [`System::is_ready`].
    #[must_use]
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.0.ready.subscribe()
    }

    /// When the process started.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// The bus with its dead letters and journal.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// Offers `value` to other modules for as long as it is held; the newest of a type counts. It is for modules of one
    /// crate, which alone can name the type: one that has a listener serves what another one offers.
    pub fn offer<T: Send + Sync + 'static>(&self, value: &Arc<T>) {
        let value: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(value);
        self.offers()
            .insert(TypeId::of::<T>(), Arc::downgrade(&value));
    }

    /// What some module offers now.
    #[must_use]
    pub fn offered<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let offered = self.offers().get(&TypeId::of::<T>())?.upgrade()?;
        offered.downcast().ok()
    }

    /// All metrics, as they are now; whoever asks renders them.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        for status in self.modules() {
            let module = self.0.metrics.of_module(status.id);
            module
                .gauge(&MODULE_STATUS, &[])
                .set(i64::from(status.health.status == HealthStatus::Healthy));
            set(&module.gauge(&RESTARTS, &[]), status.restarts);
        }
        let uptime = self.0.clock.now().since(self.0.started_at);
        set(&self.0.metrics.gauge(&UPTIME, &[]), uptime.as_secs());
        if let Some(resident) = resident_bytes() {
            set(&self.0.metrics.gauge(&RESIDENT, &[]), resident);
        }
        &self.0.metrics
    }

    pub(super) fn requests(&self) -> &mpsc::Sender<Request> {
        &self.0.requests
    }

    pub(crate) fn set_config(&self, config: Arc<Config>) {
        let mut known = self.0.config.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(config);
    }

    pub(crate) fn watch(&self, watched: Watched) {
        self.lock().insert(watched.manifest.id, watched);
    }

    pub(crate) fn unwatch(&self, id: &str) {
        self.lock().remove(id);
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.0.ready.send_replace(ready);
    }

    fn offers(&self) -> std::sync::MutexGuard<'_, HashMap<TypeId, Weak<dyn Any + Send + Sync>>> {
        self.0.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Watched>> {
        self.0
            .modules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Something that runs as long as the process does.
    pub(crate) fn constant(manifest: &'static Manifest, health: watch::Receiver<Health>) -> Self {
        let state = watch::channel(ModuleState::Running).1;
        let restarts = watch::channel(0).1;
        Self {
            manifest,
            state,
            health,
            restarts,
        }
    }

    fn status(&self) -> ModuleStatus {
        ModuleStatus {
            id: self.manifest.id,
            version: self.manifest.version,
            category: self.manifest.category,
            state: *self.state.borrow(),
            restarts: *self.restarts.borrow(),
            health: self.health.borrow().clone(),
        }
    }
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// Resident memory from `/proc/self/status` (proc(5)); `None` where there is no such file.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn what_is_offered_is_found_by_its_type_for_as_long_as_it_is_held() {
        let system = Bench::new().await.system;
        assert_eq!(system.offered::<u8>(), None);
        let (old, new) = (Arc::new(1_u8), Arc::new(2_u8));
        system.offer(&old);
        system.offer(&new);
        assert_eq!(system.offered::<u8>(), Some(Arc::clone(&new)));
        assert_eq!(system.offered::<u16>(), None);
        drop(new);
        assert_eq!(system.offered::<u8>(), None);
    }
}
