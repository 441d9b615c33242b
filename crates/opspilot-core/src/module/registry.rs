//! The modules that a program knows.

use std::collections::BTreeMap;

use super::order::{self, OrderError};
use super::{Factory, Manifest};
use crate::config::KnownModules;

/// The factories of a program, by module id.
#[derive(Debug, Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Factory>);

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
}
