//! `check`: every fault of a configuration, and the tests of its rules.

use opspilot_core::config::{Config, ConfigErrors, ModuleOptions};
use serde_json::json;

use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(crate) fn check(setup: &Setup) -> Result<(), Failure> {
    let loaded = setup.load()?;
    let modules = build_all(setup, &loaded.config)?;
    if setup.json {
        output::json(&json!({ "ok": true, "modules": modules, "warnings": loaded.warnings }));
        return Ok(());
    }
    output::warnings(&loaded.warnings);
    output::line(format!(
        "{} is fine: {} modules would run",
        setup.path().display(),
        modules.len()
    ));
    for module in modules {
        output::line(format!("  {module}"));
    }
    Ok(())
}

/// Builds every module that would run, runs the tests in its options, and returns the modules in start order.
fn build_all(setup: &Setup, config: &Config) -> Result<Vec<&'static str>, Failure> {
    let faults = config
        .enabled_modules()
        .filter_map(|options| try_one(setup, options).err());
    if let Some(errors) = ConfigErrors::join(faults) {
        return Err(errors.into());
    }
    let order = setup
        .registry
        .start_order(config.enabled_modules().map(ModuleOptions::id));
    order.map_err(|error| Failure::Usage(error.to_string()))
}

fn try_one(setup: &Setup, options: &ModuleOptions) -> Result<(), ConfigErrors> {
    let Some(factory) = setup.registry.get(options.id()) else {
        return Ok(());
    };
    factory.build(options)?.check(options)
}
