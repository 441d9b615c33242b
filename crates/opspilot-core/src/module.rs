//! Modules: everything outside of the core.
//!
//! A module is a type that implements [`Module`]. Its crate lists it with [`Factory::of`]; whoever builds the binary
//! collects the lists in a [`Registry`].

mod config_file;
mod context;
mod error;
mod factory;
mod manifest;
mod offer;
mod order;
mod registry;
mod requests;
mod system;
mod trial;
mod trials;

use async_trait::async_trait;
use serde::de::DeserializeOwned;

pub use config_file::{
    Attempt, Checked, ConfigFile, ConfigSource, CurrentConfig, DiskError, Guarded, ReplaceError,
    Replacement, TryError,
};
pub use context::{Access, Context, Tasks};
pub use error::{BuildError, RunError};
pub use factory::{DynModule, Factory};
pub use manifest::{Category, Manifest};
pub use offer::Offer;
pub use order::OrderError;
pub use registry::{Registry, Unfit};
pub use requests::{FailedStart, ReloadError, ReloadReport, Request, Requests, RestartError};
pub use system::METRICS as SYSTEM_METRICS;
pub(crate) use system::Watched;
pub use system::{ModuleStatus, System};
pub use trial::{Found, Trial, TrialContext, can_write_file, can_write_folder};
pub use trials::{Tried, try_modules};

pub use crate::event::ModuleState;
pub use crate::health::{Health, HealthReporter, HealthStatus};
use crate::rules::RuleKind;

/// One module: a connector, detector, enricher, action, notifier or user interface.
///
/// `new` is pure. `init` acquires what can be refused (ports, files, subscriptions). `run` works until the context's
/// `cancel`. `stop` finishes what is half done. A module contains no restart logic: its supervisor calls `new`, `init`
/// and `run` again after a failure.
#[async_trait]
pub trait Module: Send + 'static {
    /// Who it is and what it promises.
    const MANIFEST: Manifest;

    /// Its options.
    type Config: DeserializeOwned + schemars::JsonSchema;

    /// Turns options into a module; touches no file, socket, clock or environment.
    ///
    /// # Errors
    /// When options contradict each other or do not compile.
    fn new(config: Self::Config) -> Result<Self, BuildError>
    where
        Self: Sized;

    /// Runs the tests that the options contain, for `opspilot-server check`.
    ///
    /// # Errors
    /// The tests that failed.
    fn check(&self) -> Result<(), BuildError> {
        Ok(())
    }

    /// The kind of rules that the options have under `rules`, where they have any, for whoever shows and tries them.
    fn rules() -> Option<&'static dyn RuleKind>
    where
        Self: Sized,
    {
        None
    }

    /// What this machine has that the module could be used for, for a first configuration. It may block, changes nothing
    /// and reads no more than it needs to be sure.
    fn offers() -> Vec<Offer>
    where
        Self: Sized,
    {
        Vec::new()
    }

    /// Tries once what the options lead to, for `opspilot-server check --online`: a file is read, an address is listened on
    /// and released, a peer is reached. Nothing is changed, and nobody is told. It is called instead of `init`.
    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        let _ = cx;
        Vec::new()
    }

    /// Acquires what the module needs; subscriptions are made here.
    ///
    /// # Errors
    /// When something is refused.
    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let _ = cx;
        Ok(())
    }

    /// Works until `cx.cancel`.
    ///
    /// # Errors
    /// When the module cannot go on; it is started again after a pause.
    async fn run(&mut self, cx: &Context) -> Result<(), RunError>;

    /// Finishes what is half done, after `run` ended.
    ///
    /// # Errors
    /// When something could not be finished.
    async fn stop(&mut self, cx: &Context) -> Result<(), RunError> {
        let _ = cx;
        Ok(())
    }
}
