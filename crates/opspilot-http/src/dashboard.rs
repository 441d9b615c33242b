//! Module `ui.dashboard`: the page for people.
//!
//! The page is a bundle of files inside of the program, see `ui/`. It is served by the listener of `ui.api`, whose
//! interface it uses like any other client; this module is its switch.

mod bundle;
mod encoding;
mod site;

use async_trait::async_trait;
use opspilot_core::module::{
    BuildError, Category, Context, HealthStatus, Manifest, Module, RunError, System,
};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use self::encoding::{pack, takes_gzip};
pub(crate) use self::site::Site;

const ID: &str = "ui.dashboard";

/// Lets `ui.api` serve the dashboard.
#[derive(Debug)]
pub struct Dashboard;

/// The options of `ui.dashboard`: it has none. The page is served by `ui.api`, under its address and port.
///
/// ```yaml
/// ui.dashboard:
///   enabled: true
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {}

#[async_trait]
impl Module for Dashboard {
    const MANIFEST: Manifest = Manifest {
        enabled_by_default: true,
        ..Manifest::new(
            ID,
            Category::Ui,
            "Shows incidents, approvals and the state of the server to people.",
        )
    };

    type Config = Config;

    fn new(_: Config) -> Result<Self, BuildError> {
        Ok(Self)
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let size: usize = bundle::FILES.iter().map(|file| file.bytes.len()).sum();
        cx.health.detail("bundleBytes", size + bundle::PAGE.len());
        let mut ready = cx.system.ready();
        let is_started = ready.wait_for(|is_ready| *is_ready);
        // A server that ends before it began has nothing to tell.
        cx.cancel.run_until_cancelled(is_started).await;
        if !has(&cx.system, "ui.api") {
            let message = "nobody serves the dashboard: `ui.api` is not enabled";
            cx.health.raise("listener", HealthStatus::Degraded, message);
        }
        cx.cancel.cancelled().await;
        Ok(())
    }
}

/// True while the dashboard is switched on.
pub(crate) fn is_on(system: &System) -> bool {
    has(system, ID)
}

fn has(system: &System, id: &str) -> bool {
    system.modules().iter().any(|module| module.id == id)
}
