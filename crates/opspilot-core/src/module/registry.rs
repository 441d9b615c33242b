//! The modules that a program knows.

use std::collections::BTreeMap;

use super::order::{self, OrderError};
use super::{Factory, Manifest};
use crate::config::{Config, ConfigErrors, Fault, KeyPath, KnownModules, ModuleOptions, Origin};

/// The factories of a program, by module id.
#[derive(Debug, Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Factory>);

/// Why the modules of a configuration would not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The options of modules are wrong, or the tests in them fail.
    #[error("{0}")]
    Config(ConfigErrors),
    /// Modules cannot be ordered.
    #[error(transparent)]
    Order(#[from] OrderError),
}

impl Unfit {
    /// The same as faults; what no single place is at fault for is at `whole`.
    #[must_use]
    pub fn located(self, whole: Origin) -> ConfigErrors {
        match self {
            Self::Config(errors) => errors,
            Self::Order(error) => {
                Fault::new(whole, KeyPath::of(["modules"]), error.to_string()).into()
            }
        }
    }
}

impl Registry {
    /// Adds factories; one with an id that is known already takes its place.
    #[must_use]
    pub fn with(mut self, factories: impl IntoIterator<Item = Factory>) -> Self {
        self.0.extend(
            factories
                .into_iter()
                .map(|factory| (factory.manifest().id, factory)),
        );
        self
    }

    /// The factory of the module `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Factory> {
        self.0.get(id).copied()
    }

    /// All factories, by id.
    pub fn iter(&self) -> impl Iterator<Item = Factory> {
        self.0.values().copied()
    }

    /// What the configuration must know of the modules.
    #[must_use]
    pub fn known_modules(&self) -> KnownModules {
        self.iter().map(|factory| factory.config_schema()).collect()
    }

    /// The ids in `enabled` in the order in which they start.
    ///
    /// # Errors
    /// When a dependency is missing, or modules wait for each other in a circle.
    pub fn start_order<'a>(
        &self,
        enabled: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<&'static str>, OrderError> {
        let manifests: Vec<&'static Manifest> = enabled
            .into_iter()
            .filter_map(|id| self.get(id))
            .map(|factory| factory.manifest())
            .collect();
        order::start_order(&manifests, |id| self.get(id).is_some())
    }

    /// Builds every module that `config` switches on, runs the tests in its options, and returns the modules in the order
    /// of their start. Nothing is started, and nothing outside is touched.
    ///
    /// # Errors
    /// Every fault of the options, or why the modules do not fit together.
    pub fn prove(&self, config: &Config) -> Result<Vec<&'static str>, Unfit> {
        let faults = config
            .enabled_modules()
            .filter_map(|options| self.prove_one(options).err());
        if let Some(errors) = ConfigErrors::join(faults) {
            return Err(Unfit::Config(errors));
        }
        Ok(self.start_order(config.enabled_modules().map(ModuleOptions::id))?)
    }

    fn prove_one(&self, options: &ModuleOptions) -> Result<(), ConfigErrors> {
        let Some(factory) = self.get(options.id()) else {
            return Ok(());
        };
        factory.build(options)?.check(options)
    }
}
