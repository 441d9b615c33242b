//! Changes of a running runtime: another configuration, and another start of one module.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::audit::{reloaded, restarted};
use super::supervisor::Prepared;
use super::{CORE, Runtime, StartError};
use crate::config::{Config, ConfigErrors, ModuleOptions};
use crate::error::chain;
use crate::module::{FailedStart, ReloadReport, RestartError, RunError};

/// How long a module that was started again may take until it runs.
const START: Duration = Duration::from_secs(10);

impl Runtime {
    /// Goes over to `config`: modules that were switched off stop, those whose options changed start again, new ones
    /// start. Root sections are not reloaded; the report names those that changed, and the modules that do not start:
    /// their supervisors go on trying.
    ///
    /// # Errors
    /// When `config` is wrong: nothing is changed then.
    pub async fn reload(&mut self, config: Config) -> Result<ReloadReport, StartError> {
        self.reload_by(CORE.id, config).await
    }

    /// [`Runtime::reload`] on behalf of `actor`, whom the audit log names.
    ///
    /// # Errors
    /// As [`Runtime::reload`].
    pub async fn reload_by(
        &mut self,
        actor: &str,
        config: Config,
    ) -> Result<ReloadReport, StartError> {
        let result = self.go_over_to(config).await;
        match &result {
            Ok(report) => self.tell(reloaded(actor, report)).await,
            Err(error) => self.tell_refused(actor, &chain(error)).await,
        }
        result
    }

    /// Ends the module `id` on behalf of `actor` and starts it again with the same options; returns when it runs.
    ///
    /// Its stages stay in place meanwhile, and signals that nobody takes are read again by their sources.
    ///
    /// # Errors
    /// When there is nothing to restart, or it does not start: its supervisor goes on trying.
    pub async fn restart_by(&mut self, actor: &str, id: &str) -> Result<(), RestartError> {
        let outcome = match self.restartable(id) {
            Ok(id) => self.restart_module(id).await,
            Err(refusal) => Err(refusal),
        };
        self.tell(restarted(actor, id, &outcome)).await;
        outcome
    }

    fn restartable(&self, id: &str) -> Result<&'static str, RestartError> {
        if id == CORE.id {
            return Err(RestartError::NotAlone(id.to_owned()));
        }
        let Some(factory) = self.shared.registry.get(id) else {
            return Err(RestartError::Unknown(id.to_owned()));
        };
        let id = factory.manifest().id;
        match self.modules.contains_key(id) {
            true => Ok(id),
            false => Err(RestartError::Off(id.to_owned())),
        }
    }

    async fn restart_module(&mut self, id: &'static str) -> Result<(), RestartError> {
        info!(module = id, "module is restarted");
        if let Some(module) = self.modules.remove(id) {
            module.stop().await;
        }
        let failed = |reason: String| RestartError::Failed {
            module: id.to_owned(),
            reason,
        };
        self.start_one(id)
            .await
            .map_err(|error| failed(chain(&error)))?;
        let Some(module) = self.modules.get(id) else {
            return Err(RestartError::Off(id.to_owned()));
        };
        match tokio::time::timeout(START, module.runs()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed("it failed at once".into())),
            Err(_) => Err(failed(format!("it is not up after {} s", START.as_secs()))),
        }
    }

    async fn go_over_to(&mut self, config: Config) -> Result<ReloadReport, StartError> {
        let order = self
            .shared
            .registry
            .start_order(config.enabled_modules().map(ModuleOptions::id))?;
        self.build_all(&config)?;
        let changed = Config::changed_modules(&self.config, &config);
        let mut report = ReloadReport {
            needs_restart: Config::changed_sections(&self.config, &config),
            ..ReloadReport::default()
        };
        for id in self.leaving(&order) {
            self.stop_module(id).await;
            report.stopped.push(id.to_owned());
        }
        self.config = Arc::new(config);
        self.shared.system.set_config(Arc::clone(&self.config));
        let mut fresh = Vec::new();
        for id in order {
            if !self.modules.contains_key(id) {
                report.started.push(id.to_owned());
                fresh.push(id);
            } else if changed.iter().any(|changed| changed == id) {
                self.stop_module(id).await;
                report.restarted.push(id.to_owned());
                fresh.push(id);
            }
        }
        for id in fresh {
            if let Err(error) = self.start_one(id).await {
                let reason = chain(&error);
                warn!(module = id, error = %reason, "module does not start and is tried again");
                let module = id.to_owned();
                report.failed.push(FailedStart { module, reason });
            }
        }
        info!("configuration reloaded: {report}");
        Ok(report)
    }

    /// The modules that run and have no place in `order`.
    fn leaving(&self, order: &[&'static str]) -> Vec<&'static str> {
        let running = self.modules.keys().copied();
        running.filter(|id| !order.contains(id)).collect()
    }

    /// Builds every module that `config` switches on, so that all faults are known before anything changes.
    fn build_all(&self, config: &Config) -> Result<(), StartError> {
        let build = |options: &ModuleOptions| {
            let factory = self.shared.registry.get(options.id())?;
            factory.build(options).err()
        };
        match ConfigErrors::join(config.enabled_modules().filter_map(build)) {
            Some(errors) => Err(errors.into()),
            None => Ok(()),
        }
    }

    /// Starts one module, whose options were built before. One that fails is left to its supervisor.
    async fn start_one(&mut self, id: &'static str) -> Result<(), RunError> {
        let Some((factory, options)) = self.recipe(id) else {
            return Ok(());
        };
        let module = factory
            .build(&options)
            .map_err(|errors| RunError::new("the options are wrong", errors))?;
        let mut prepared = Prepared::new(&self.shared, factory, options, module);
        self.shared.system.watch(prepared.watched());
        let begun = prepared.init().await;
        let supervised = match &begun {
            Ok(()) => prepared.launch(),
            Err(failure) => prepared.launch_later(failure),
        };
        self.modules.insert(id, supervised);
        begun
    }

    async fn stop_module(&mut self, id: &'static str) {
        if let Some(module) = self.modules.remove(id) {
            module.stop().await;
            self.shared.bus.remove_stages(id).await;
            self.shared.on_call.withdraw_channels(id);
            self.shared.system.unwatch(id);
        }
    }
}
