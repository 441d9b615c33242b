//! Options as they may be shown: without secrets, and without what came from a variable or another file.

use serde_json::Value as Json;

use super::modules::ModuleOptions;
use super::tree::{Entry, Node, Value};

/// What stands where a value is not shown.
const REDACTED: &str = "[redacted]";

impl ModuleOptions {
    /// The options as they were written, as JSON. Secrets, and values that came from a variable or from another file, are
    /// `[redacted]`; an option that was not written is not there.
    #[must_use]
    pub fn shown(&self) -> Json {
        self.options.shown()
    }
}

impl Node {
    fn shown(&self) -> Json {
        if self.hidden {
            return Json::String(REDACTED.to_owned());
        }
        match &self.value {
            Value::Null | Value::Invalid => Json::Null,
            Value::Bool(truth) => Json::Bool(*truth),
            Value::Integer(number) => integer(*number),
            Value::Float(number) => Json::from(*number),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => items.iter().map(Self::shown).collect(),
            Value::Map(entries) => {
                let pair = |entry: &Entry| (entry.key.clone(), entry.node.shown());
                Json::Object(entries.iter().map(pair).collect())
            }
        }
    }
}

/// A number that JSON cannot hold exactly is shown as text.
fn integer(number: i128) -> Json {
    i64::try_from(number)
        .map(Json::from)
        .or_else(|_| u64::try_from(number).map(Json::from))
        .unwrap_or_else(|_| Json::String(number.to_string()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use schemars::json_schema;
    use serde_json::json;

    use super::super::{Environment, KnownModules, ModuleSchema, load_text};

    #[test]
    fn secrets_variables_and_files_are_not_shown() {
        let schema = json_schema!({
            "type": "object",
            "properties": {
                "token": { "type": "string", "writeOnly": true },
                "tokens": { "type": "array", "items": { "type": "string", "writeOnly": true } },
                "url": { "type": "string" },
                "port": { "type": "integer" },
                "share": { "type": "number" },
            },
        });
        let known = KnownModules::from_iter([ModuleSchema {
            id: "ui.test".into(),
            schema,
            enabled_by_default: false,
        }]);
        let environment = Environment::from_iter([("WHERE", "https://user:pw@example.org")]);
        let yaml = "modules:\n  ui.test:\n    token: s3cret\n    tokens: [s3cret]\n    url: ${WHERE}\n    \
                    port: 7\n    share: 0.5\n";
        let loaded = load_text(yaml, Path::new("a.yaml"), &environment, &known).unwrap();
        let shown = loaded.config.module("ui.test").unwrap().shown();
        let expected = json!({
            "token": "[redacted]", "tokens": ["[redacted]"], "url": "[redacted]", "port": 7, "share": 0.5,
        });
        assert_eq!(shown, expected);
    }
}
