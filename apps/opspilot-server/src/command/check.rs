//! `check`: every fault of a configuration, the tests of its rules, and trials of what it reaches.

mod online;

use opspilot_core::config::{ConfigErrors, Loaded};
use opspilot_core::module::Trial;
use serde_json::json;

use crate::cli::CheckArguments;
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(crate) fn check(setup: &Setup, arguments: &CheckArguments) -> Result<(), Failure> {
    let mut loaded = setup.load()?;
    if arguments.strict {
        let warnings = std::mem::take(&mut loaded.warnings);
        let faults = warnings.into_iter().map(ConfigErrors::from);
        if let Some(errors) = ConfigErrors::join(faults) {
            return Err(errors.into());
        }
    }
    let modules = setup.registry.prove(&loaded.config)?;
    if arguments.online {
        return check_online(setup, &loaded, &modules);
    }
    if setup.json {
        output::json(&json!({ "ok": true, "modules": modules, "warnings": loaded.warnings }));
        return Ok(());
    }
    say_fine(setup, &loaded, modules.len());
    for module in modules {
        output::line(format!("  {module}"));
    }
    Ok(())
}

/// Says that the configuration is fine.
fn say_fine(setup: &Setup, loaded: &Loaded, modules: usize) {
    output::warnings(&loaded.warnings);
    let path = setup.path();
    output::line(format!(
        "{} is fine: {modules} modules would run",
        path.display()
    ));
}

/// Tries what the modules would reach.
fn check_online(setup: &Setup, loaded: &Loaded, modules: &[&str]) -> Result<(), Failure> {
    let tried = online::try_all(setup, &loaded.config)?;
    let failed = tried.iter().filter(|(_, trial)| !trial.is_ok()).count();
    if setup.json {
        let shown = |(module, trial): &(&str, Trial)| json!({ "module": module, "name": trial.name, "ok": trial.is_ok(), "fault": trial.fault, "note": trial.note });
        let trials: Vec<_> = tried.iter().map(shown).collect();
        output::json(&json!({
            "ok": failed == 0, "modules": modules, "warnings": loaded.warnings, "trials": trials,
        }));
    } else {
        say_fine(setup, loaded, modules.len());
        for (module, trial) in &tried {
            let what = format!("{module} {}", trial.name);
            output::trial(&what, trial.fault.as_deref(), trial.note.as_deref());
        }
        output::line(format!(
            "{} of {} trials went well",
            tried.len() - failed,
            tried.len()
        ));
    }
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::Unproved)
    }
}
