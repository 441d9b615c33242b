//! What every module's context is made from.

use std::sync::Arc;

use super::{CORE, Parts, StartError};
use crate::bus::Bus;
use crate::changes::RuleChanges;
use crate::clock::Clock;
use crate::config::Config;
use crate::deliveries::Deliveries;
use crate::incident::Incidents;
use crate::metrics::Metrics;
use crate::module::{Access, ConfigFile, HealthReporter, Registry, Requests, System, Watched};
use crate::oncall::OnCall;
use crate::safety::audit::Audit;
use crate::safety::credentials::{CredentialError, Credentials};
use crate::safety::gate::Gate;
use crate::safety::powers::Decisions;
use crate::safety::runbook::RunbookRuns;
use crate::safety::runner::Runner;
use crate::storage::{SharedStorage, WatchedStorage};
use crate::views::SavedViews;

/// What every module's context is made from.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) registry: Registry,
    pub(super) storage: SharedStorage,
    pub(super) bus: Bus,
    pub(super) incidents: Incidents,
    pub(super) on_call: OnCall,
    pub(super) runbooks: RunbookRuns,
    pub(super) deliveries: Deliveries,
    pub(super) audit: Audit,
    pub(super) gate: Gate,
    pub(super) runner: Runner,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
    pub(super) system: System,
    pub(super) access: Access,
}

impl Shared {
    /// Opens everything that lies below the modules, from the storage upwards.
    pub(super) async fn open(
        parts: Parts,
        config: &Config,
    ) -> Result<(Arc<Self>, Requests), StartError> {
        let Parts {
            registry,
            storage,
            clock,
            metrics,
            audit_key,
            config_source,
        } = parts;
        let (health, core_health) = HealthReporter::new(Arc::clone(&clock));
        let watched = WatchedStorage::new(storage, health.clone(), &metrics);
        let storage: SharedStorage = Arc::new(watched);
        let store = || Arc::clone(&storage);
        let bus = Bus::start(store(), Arc::clone(&clock), &metrics, health).await?;
        let audit = Audit::open(bus.clone(), store(), audit_key).await?;
        let incidents = Incidents::open(bus.clone(), store(), audit.clone()).await?;
        let on_call = OnCall::open(bus.clone(), store(), audit.clone()).await?;
        let runbooks =
            RunbookRuns::open(bus.clone(), store(), incidents.clone(), audit.clone()).await?;
        let deliveries = Deliveries::open(store(), Arc::clone(&clock)).await?;
        let gate = Gate::open(bus.clone(), store(), audit.clone(), incidents.clone()).await?;
        let runner = Runner::start_up(gate.clone()).await?;
        let credentials =
            Credentials::open(bus.clone(), store(), Arc::clone(&clock), audit.clone()).await?;
        require_way_in(config, &credentials).await?;
        let (system, requests) = System::new(
            bus.clone(),
            metrics.clone(),
            Arc::clone(&clock),
            registry.clone(),
        );
        let config_file = config_source
            .map(|source| ConfigFile::new(source, registry.clone(), system.clone(), audit.clone()));
        let rule_changes = match &config_file {
            Some(file) => {
                let with = (file.clone(), registry.clone());
                Some(RuleChanges::open(bus.clone(), store(), audit.clone(), with).await?)
            }
            None => None,
        };
        let access = Access {
            auth: Arc::new(config.auth.clone()),
            credentials,
            decisions: Decisions::new(gate.clone(), runner.clone()),
            views: SavedViews::open(bus.clone(), store(), audit.clone()).await?,
            config_file,
            rule_changes,
        };
        system.watch(Watched::constant(&CORE, core_health));
        let shared = Arc::new(Self {
            registry,
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
        });
        Ok((shared, requests))
    }
}

/// Refuses to start where credentials are asked for and nobody has one.
async fn require_way_in(config: &Config, credentials: &Credentials) -> Result<(), StartError> {
    if !config.auth.enabled || config.auth.has_way_in() {
        return Ok(());
    }
    let has_way_in = match credentials.has_live_key().await {
        Ok(false) => credentials.has_user().await,
        other => other,
    };
    match has_way_in {
        Ok(true) => Ok(()),
        Ok(false) => Err(StartError::NoWayIn),
        Err(CredentialError::Storage(error)) => Err(StartError::Storage(error)),
        Err(_) => Err(StartError::NoWayIn),
    }
}
