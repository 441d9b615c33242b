//! `modules`: which modules there are.

use opspilot_core::module::Factory;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(crate) fn modules(setup: &Setup) -> Result<(), Failure> {
    if setup.json {
        let all: Vec<Value> = setup.registry.iter().map(describe).collect();
        output::json(&all);
        return Ok(());
    }
    let width = setup
        .registry
        .iter()
        .map(|factory| factory.manifest().id.len())
        .max()
        .unwrap_or(0);
    for factory in setup.registry.iter() {
        let manifest = factory.manifest();
        let default = if manifest.enabled_by_default {
            "on "
        } else {
            "off"
        };
        output::line(format!(
            "{:width$}  {}  {default}  {}",
            manifest.id, manifest.version, manifest.description
        ));
    }
    output::remark("`on` runs without a section of its own; `--json` shows options and events");
    Ok(())
}

fn describe(factory: Factory) -> Value {
    let manifest = factory.manifest();
    json!({
        "id": manifest.id,
        "version": manifest.version,
        "category": manifest.category,
        "description": manifest.description,
        "dependencies": manifest.dependencies,
        "consumes": manifest.consumes,
        "emits": manifest.emits,
        "enabledByDefault": manifest.enabled_by_default,
        "options": factory.schema(),
    })
}
