//! A JSON Schema as rows of a table: one per key, nested keys joined by dots.

use serde_json::Value;

use super::markdown::{code, table};
use crate::workspace::text;

/// Deeper keys are left to the schema itself.
const MAX_DEPTH: usize = 6;

/// Longer defaults are left to the keys below.
const MAX_DEFAULT: usize = 60;

/// The keys of `schema`, whose references are looked up in `document`.
pub(super) fn options(document: &Value, schema: &Value) -> String {
    let mut walk = Walk {
        document,
        rows: Vec::new(),
    };
    walk.keys(schema, "", 0);
    table(["Key", "Type", "Default", "Meaning"], &walk.rows)
}

struct Walk<'a> {
    document: &'a Value,
    rows: Vec<[String; 4]>,
}

impl<'a> Walk<'a> {
    fn keys(&mut self, schema: &'a Value, prefix: &str, depth: usize) {
        let schema = self.resolve(schema);
        for (name, property) in object(schema, "properties") {
            self.key(&format!("{prefix}{name}"), property, depth);
        }
        for variant in variants(schema) {
            self.keys(variant, prefix, depth + 1);
        }
    }

    fn key(&mut self, key: &str, property: &'a Value, depth: usize) {
        let shape = self.resolve(property);
        let about = [property, shape].map(|part| text(part, "description"));
        let about = about
            .into_iter()
            .find(|about| !about.is_empty())
            .unwrap_or_default();
        let row = [code(key), self.kind(property, 0), default(property), about];
        if !self.rows.contains(&row) {
            self.rows.push(row);
        }
        if depth >= MAX_DEPTH {
            return;
        }
        self.keys(shape, &format!("{key}."), depth + 1);
        let parts = [("items", "[]."), ("additionalProperties", ".*.")];
        for (part, mark) in parts {
            if let Some(inner) = shape.get(part).filter(|inner| inner.is_object()) {
                self.keys(inner, &format!("{key}{mark}"), depth + 1);
            }
        }
    }

    /// Follows `$ref`, as often as the depth allows.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..MAX_DEPTH {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let target = reference.and_then(|reference| reference.strip_prefix('#'));
            let Some(target) = target.and_then(|target| self.document.pointer(target)) else {
                break;
            };
            schema = target;
        }
        schema
    }

    /// What a value may be, in words.
    fn kind(&self, schema: &'a Value, depth: usize) -> String {
        let schema = self.resolve(schema);
        let choices = schema.get("enum").and_then(Value::as_array);
        let constant = schema.get("const").map(std::slice::from_ref);
        if let Some(choices) = choices.map(Vec::as_slice).or(constant) {
            return choices
                .iter()
                .map(|choice| code(&plain(choice)))
                .collect::<Vec<_>>()
                .join(" or ");
        }
        let mut kinds = types(schema);
        if depth < MAX_DEPTH {
            kinds.extend(variants(schema).map(|variant| self.kind(variant, depth + 1)));
            if let (true, Some(items)) = (
                kinds.first().is_some_and(|kind| kind == "array"),
                schema.get("items"),
            ) {
                kinds = vec![format!("list of {}", self.kind(items, depth + 1))];
            }
        }
        kinds.retain(|kind| kind != "null" && !kind.is_empty());
        kinds.dedup();
        kinds.join(" or ") + &range(schema)
    }
}

fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["oneOf", "anyOf", "allOf"].map(|key| schema.get(key).and_then(Value::as_array));
    lists.into_iter().flatten().flatten()
}

/// The entries of an object under `key`.
pub(super) fn object<'a>(
    data: &'a Value,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    data.get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn types(schema: &Value) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind.clone()],
        Some(Value::Array(kinds)) => kinds.iter().map(plain).collect(),
        _ => Vec::new(),
    }
}

fn range(schema: &Value) -> String {
    let bounds = [
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
    ];
    let said = bounds
        .iter()
        .filter_map(|(key, sign)| Some(format!("{sign} {}", plain(schema.get(key)?))));
    said.map(|bound| format!(", {bound}")).collect()
}

fn default(schema: &Value) -> String {
    let default = schema.get("default").filter(|default| !default.is_null());
    let shown = default.map(Value::to_string).unwrap_or_default();
    if shown.len() > MAX_DEFAULT {
        String::new()
    } else {
        code(&shown)
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: &Value, expected: &[&str]) {
        let rendered = options(schema, schema);
        let rows: Vec<&str> = rendered.lines().skip(2).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn keys_carry_type_range_default_and_meaning() {
        check(
            &json!({"properties": {
                "level": {"enum": ["info", "warn"], "default": "info"},
                "path": {"type": ["string", "null"], "description": "Where.\nNone: nowhere."},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 3000},
            }}),
            &[
                "| `level` | `info` or `warn` | `\"info\"` |  |",
                "| `path` | string |  | Where. None: nowhere. |",
                "| `port` | integer, ≥ 1, ≤ 65535 | `3000` |  |",
            ],
        );
    }

    #[test]
    fn references_lists_and_choices_are_followed() {
        check(
            &json!({
                "properties": {
                    "maybe": {"anyOf": [{"$ref": "#/$defs/Rule"}, {"type": "null"}], "description": "One."},
                    "rules": {"type": "array", "items": {"$ref": "#/$defs/Rule"}},
                },
                "$defs": {"Rule": {"type": "object", "properties": {"id": {"type": "string"}}}},
            }),
            &[
                "| `maybe` | object |  | One. |",
                "| `maybe.id` | string |  |  |",
                "| `rules` | list of object |  |  |",
                "| `rules[].id` | string |  |  |",
            ],
        );
    }

    #[test]
    fn keys_that_every_choice_has_are_listed_once() {
        let choice = |own: &str| json!({"properties": {"path": {"type": "string"}, own: {}}});
        check(
            &json!({"oneOf": [choice("quiet"), choice("rate")]}),
            &[
                "| `path` | string |  |  |",
                "| `quiet` |  |  |  |",
                "| `rate` |  |  |  |",
            ],
        );
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let schema = json!({
            "properties": {"next": {"$ref": "#/$defs/Node"}},
            "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}},
        });
        assert_eq!(options(&schema, &schema).lines().count(), 2 + MAX_DEPTH + 1);
    }
}
