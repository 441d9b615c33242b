//! The same as schemas.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{
    CHANNELS, Keys, LONGEST, MOST, MOST_CHANNELS, OF_ALL_CHANNELS, SOURCES, SWITCH, Takes,
};

/// A text without `${`.
const PLAIN: &str = r"^([^$]|\$+[^${])*\$*$";

/// The options of sources, by the id of the connector.
pub(in crate::api::setup) fn sources(_: &mut SchemaGenerator) -> Schema {
    let of_source = |(id, keys): &(&str, Keys)| ((*id).to_owned(), object(&[SWITCH, *keys]).into());
    let properties: Map<String, Value> = SOURCES.iter().map(of_source).collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// Channels, each with the keys of its type.
pub(in crate::api::setup) fn channels(_: &mut SchemaGenerator) -> Schema {
    let of_type = |(kind, keys): &(&str, Keys)| {
        let mut channel = object(&[OF_ALL_CHANNELS, *keys]);
        channel.insert("required".to_owned(), json!(["type"]));
        if let Some(known) = channel.get_mut("properties") {
            known["type"] = json!({ "type": "string", "enum": [kind] });
        }
        channel
    };
    let kinds: Vec<_> = CHANNELS.iter().map(of_type).collect();
    json_schema!({ "type": "array", "maxItems": MOST_CHANNELS, "items": { "oneOf": kinds } })
}

fn object(keys: &[Keys]) -> Map<String, Value> {
    let keys = keys.iter().copied().flatten();
    let properties = keys.map(|(key, takes)| ((*key).to_owned(), value(*takes)));
    let properties: Map<String, Value> = properties.collect();
    Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), properties.into()),
        ("additionalProperties".to_owned(), json!(false)),
    ])
}

fn value(takes: Takes) -> Value {
    let list = |item: Value| json!({ "type": "array", "maxItems": MOST, "items": item });
    let text = || json!({ "type": "string", "maxLength": LONGEST, "pattern": PLAIN });
    match takes {
        Takes::Text | Takes::Writes => text(),
        Takes::Texts | Takes::Reads => list(text()),
        Takes::Number => json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
        Takes::Switch => json!({ "type": "boolean" }),
        Takes::Variable => json!({
            "type": "string", "pattern": r"^\$\{[A-Za-z0-9_]+\}$",
            "description": "A secret, by the name of a variable of the server.",
        }),
        Takes::Sections(keys) => list(object(&[keys]).into()),
    }
}
