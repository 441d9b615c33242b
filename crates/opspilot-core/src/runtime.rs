//! The runtime: starts modules in order, supervises them, reloads and stops them.

mod audit;
mod changing;
mod shared;
mod supervisor;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use self::audit::Keeper;
use self::shared::Shared;
use self::supervisor::{Prepared, Supervised};
use crate::clock::Clock;
use crate::config::{Config, ConfigErrors, ModuleOptions};
use crate::incident::Incidents;
use crate::metrics::Metrics;
use crate::module::{
    Category, ConfigSource, Factory, Manifest, OrderError, Registry, Requests, RunError, System,
};
use crate::safety::audit::{Audit, Record, SigningKey};
use crate::safety::gate::GateError;
use crate::storage::{SharedStorage, StorageError};

/// How long consumers may take to see the last events at a stop.
const DRAIN: Duration = Duration::from_secs(2);

/// How long approved actions that are being done may take at a stop; what is left is shown as unknown.
const LAST_ACTIONS: Duration = Duration::from_secs(10);

/// How long the last events may take to be stored at a stop.
const LAST_WRITES: Duration = Duration::from_secs(3);

static CORE: Manifest = Manifest {
    emits: &["module.lifecycle", "delivery.failed", "incident.updated"],
    ..Manifest::new(
        "core",
        Category::Ui,
        "The event bus, the journal and the storage.",
    )
};

/// What a runtime is made of.
#[derive(Debug)]
pub struct Parts {
    /// The modules that there are.
    pub registry: Registry,
    /// The storage; the runtime closes it at the end.
    pub storage: SharedStorage,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where metrics are kept.
    pub metrics: Metrics,
    /// What signs the audit log.
    pub audit_key: SigningKey,
    /// The file that the configuration comes from, for those who may replace it.
    pub config_source: Option<ConfigSource>,
}

/// Running modules.
#[derive(Debug)]
pub struct Runtime {
    shared: Arc<Shared>,
    config: Arc<Config>,
    modules: BTreeMap<&'static str, Supervised>,
    keeper: Keeper,
    requests: Option<Requests>,
}

/// Why modules could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The options of modules are wrong.
    #[error("the configuration is wrong")]
    Config(#[from] ConfigErrors),
    /// Modules cannot be ordered.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The storage does not work.
    #[error("the storage cannot be used")]
    Storage(#[from] StorageError),
    /// Credentials are asked for, and there are none.
    #[error(
        "`auth.enabled` is true, and there is no key to get in with: run `opspilot-server key create --label NAME \
         --role admin`, or `opspilot-server user add NAME --role admin`, or set `OPSPILOT_API_KEY`"
    )]
    NoWayIn,
    /// The record of actions could not be put right after the last stop.
    #[error("what was done before the last stop cannot be put on record")]
    Gate(#[from] GateError),
    /// A module could not acquire what it needs.
    #[error("module `{module}` cannot start")]
    Init {
        /// The module.
        module: &'static str,
        /// Why.
        #[source]
        source: RunError,
    },
}

impl Runtime {
    /// Starts every module that `config` switches on: all are built, then all are initialised, then all run.
    ///
    /// # Errors
    /// When the configuration is wrong or a module cannot start. What was started before is stopped again.
    pub async fn start(parts: Parts, config: Config) -> Result<Self, StartError> {
        let ids = config.enabled_modules().map(ModuleOptions::id);
        let order = parts.registry.start_order(ids)?;
        let (shared, requests) = Shared::open(parts, &config).await?;
        let mut runtime = Self {
            keeper: Keeper::start(&shared, config.audit.retention()),
            shared,
            config: Arc::new(config),
            modules: BTreeMap::new(),
            requests: Some(requests),
        };
        runtime
            .shared
            .system
            .set_config(Arc::clone(&runtime.config));
        match runtime.start_modules(&order).await {
            Ok(()) => {
                runtime.tell(runtime.started()).await;
                runtime.shared.system.set_ready(true);
                Ok(runtime)
            }
            Err(error) => {
                runtime.stop().await;
                Err(error)
            }
        }
    }

    /// The view of the system that user interfaces have.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.shared.system
    }

    /// The incidents.
    #[must_use]
    pub fn incidents(&self) -> &Incidents {
        &self.shared.incidents
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.shared.audit
    }

    /// What modules ask for; whoever drives the runtime answers with [`Runtime::reload_by`] and
    /// [`Runtime::restart_by`]. `None` when they were taken before.
    #[must_use]
    pub fn take_requests(&mut self) -> Option<Requests> {
        self.requests.take()
    }

    /// Stops in the order of the flow: sources first, then what they feed, then the bus and the storage.
    pub async fn stop(mut self) {
        let was_ready = self.shared.system.is_ready();
        self.shared.system.set_ready(false);
        for category in [
            Category::Connector,
            Category::Detector,
            Category::Enricher,
            Category::Action,
        ] {
            self.stop_category(category).await;
        }
        self.shared.runner.stop(LAST_ACTIONS).await;
        self.shared.bus.drained(DRAIN).await;
        for category in [
            Category::Notifier,
            Category::Openclaw,
            Category::Ui,
            Category::Telemetry,
        ] {
            self.stop_category(category).await;
        }
        self.keeper.stop().await;
        if was_ready {
            self.tell(Record::new("system.stopped", CORE.id)).await;
        }
        self.sign_end().await;
        self.shared.bus.close(tokio::time::sleep(LAST_WRITES)).await;
        if let Err(error) = self.shared.storage.close().await {
            warn!(error = %crate::error::chain(&error), "storage did not close cleanly");
        }
    }

    async fn start_modules(&mut self, order: &[&'static str]) -> Result<(), StartError> {
        let mut prepared = Vec::with_capacity(order.len());
        let mut faults = Vec::new();
        for id in order {
            let Some((factory, options)) = self.recipe(id) else {
                continue;
            };
            match factory.build(&options) {
                Ok(module) => prepared.push(Prepared::new(&self.shared, factory, options, module)),
                Err(errors) => faults.push(errors),
            }
        }
        if let Some(errors) = ConfigErrors::join(faults) {
            return Err(errors.into());
        }
        for module in &mut prepared {
            self.shared.system.watch(module.watched());
            let id = module.id();
            module
                .init()
                .await
                .map_err(|source| StartError::Init { module: id, source })?;
        }
        for module in prepared {
            self.modules.insert(module.id(), module.launch());
        }
        Ok(())
    }

    fn recipe(&self, id: &str) -> Option<(Factory, ModuleOptions)> {
        Some((
            self.shared.registry.get(id)?,
            self.config.module(id)?.clone(),
        ))
    }

    async fn stop_category(&mut self, category: Category) {
        let members: Vec<_> = self
            .modules
            .iter()
            .filter(|(_, module)| module.category() == category)
            .map(|(id, _)| *id)
            .collect();
        for id in &members {
            if let Some(module) = self.modules.get(id) {
                module.cancel();
            }
        }
        for id in members {
            if let Some(module) = self.modules.remove(id) {
                module.stop().await;
            }
        }
    }
}
