//! Modules as plain data.

use async_trait::async_trait;

use super::{Context, Manifest, Module, Offer, RunError, Trial, TrialContext};
use crate::config::{ConfigErrors, ModuleOptions, ModuleSchema};
use crate::rules::RuleKind;

/// How to make one kind of module: a manifest and function pointers.
#[derive(Debug, Clone, Copy)]
pub struct Factory {
    manifest: &'static Manifest,
    schema: fn() -> schemars::Schema,
    rules: fn() -> Option<&'static dyn RuleKind>,
    offers: fn() -> Vec<Offer>,
    build: fn(&ModuleOptions) -> Result<Box<dyn DynModule>, ConfigErrors>,
}

/// A module of any type, see [`Module`].
#[async_trait]
pub trait DynModule: Send {
    /// See [`Module::check`].
    ///
    /// # Errors
    /// The tests that failed, with their places.
    fn check(&self, options: &ModuleOptions) -> Result<(), ConfigErrors>;
    /// See [`Module::trial`].
    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial>;
    /// See [`Module::init`].
    ///
    /// # Errors
    /// As there.
    async fn init(&mut self, cx: &Context) -> Result<(), RunError>;
    /// See [`Module::run`].
    ///
    /// # Errors
    /// As there.
    async fn run(&mut self, cx: &Context) -> Result<(), RunError>;
    /// See [`Module::stop`].
    ///
    /// # Errors
    /// As there.
    async fn stop(&mut self, cx: &Context) -> Result<(), RunError>;
}

struct Promoted<M>(std::marker::PhantomData<M>);

impl<M: Module> Promoted<M> {
    const MANIFEST: &'static Manifest = &M::MANIFEST;
}

impl Factory {
    /// The factory of `M`.
    #[must_use]
    pub const fn of<M: Module>() -> Self {
        Self {
            manifest: Promoted::<M>::MANIFEST,
            schema: || schemars::schema_for!(M::Config),
            rules: M::rules,
            offers: M::offers,
            build: |options| {
                let module = M::new(options.parse()?).map_err(|error| error.located(options))?;
                Ok(Box::new(module))
            },
        }
    }

    /// The module's manifest.
    #[must_use]
    pub const fn manifest(&self) -> &'static Manifest {
        self.manifest
    }

    /// The JSON Schema of the module's options.
    #[must_use]
    pub fn schema(&self) -> schemars::Schema {
        (self.schema)()
    }

    /// The kind of rules that the module has, if any.
    #[must_use]
    pub fn rules(&self) -> Option<&'static dyn RuleKind> {
        (self.rules)()
    }

    /// What this machine has that the module could be used for. It blocks.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        (self.offers)()
    }

    /// What the configuration must know of the module.
    #[must_use]
    pub fn config_schema(&self) -> ModuleSchema {
        ModuleSchema {
            id: self.manifest.id.to_owned(),
            schema: self.schema(),
            enabled_by_default: self.manifest.enabled_by_default,
        }
    }

    /// Makes a module; touches nothing outside.
    ///
    /// # Errors
    /// When the options are wrong, with their places.
    pub fn build(&self, options: &ModuleOptions) -> Result<Box<dyn DynModule>, ConfigErrors> {
        (self.build)(options)
    }
}

#[async_trait]
impl<M: Module> DynModule for M {
    fn check(&self, options: &ModuleOptions) -> Result<(), ConfigErrors> {
        Module::check(self).map_err(|error| error.located(options))
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        Module::trial(self, cx).await
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        Module::init(self, cx).await
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        Module::run(self, cx).await
    }

    async fn stop(&mut self, cx: &Context) -> Result<(), RunError> {
        Module::stop(self, cx).await
    }
}
