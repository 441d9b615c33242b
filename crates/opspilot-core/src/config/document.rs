//! The JSON Schema of a whole configuration file, for editors and other tools.

use schemars::schema_for;
use serde_json::{Value as Json, json};

use super::modules::{KnownModules, ModuleSchema, NAMED_MODULES};
use super::sections::Root;

/// The JSON Schema (2020-12) of a configuration file with these modules. Interpolations are not
/// part of it: a schema cannot know what `${VAR}` stands for.
#[must_use]
pub fn json_schema(known: &KnownModules) -> Json {
    let mut sections = serde_json::Map::new();
    for id in NAMED_MODULES {
        sections.insert(id.to_owned(), Json::Bool(true));
    }
    for module in known.iter() {
        sections.insert(module.id.clone(), section(module));
    }
    let mut document = schema_for!(Root).to_value();
    if let Some(modules) = document.pointer_mut("/properties/modules") {
        *modules = json!({
            "description": "The options of each module, by module id.",
            "type": "object",
            "properties": sections,
            "additionalProperties": false,
        });
    }
    document
}

/// The schema of a module's section: its options and `enabled`. Its own `$id` makes its references
/// point into itself.
fn section(module: &ModuleSchema) -> Json {
    let mut section = module.schema.as_value().clone();
    let Json::Object(keywords) = &mut section else {
        return section;
    };
    keywords.remove("$schema");
    keywords.insert("$id".to_owned(), format!("opspilot:{}", module.id).into());
    let properties = keywords.entry("properties").or_insert_with(|| json!({}));
    if let Json::Object(properties) = properties {
        let enabled = json!({
            "description": "Whether the module runs. Default true for a section that is there.",
            "type": "boolean",
        });
        properties.insert("enabled".to_owned(), enabled);
    }
    section
}
