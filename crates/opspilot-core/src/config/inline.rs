//! Options that somebody sends: one rule for a module, to be tried. Nothing outside of the text is looked at: no
//! variable is filled in and no file is read.

use super::fault::{ConfigErrors, Fault, KeyPath, Origin, Report};
use super::modules::{ModuleOptions, ModuleSchema};
use super::schema;
use super::tree::{Entry, Node, Value};
use super::yaml;

/// What faults call the text.
const NAME: &str = "rule";

impl ModuleOptions {
    /// Options of `module` that have one rule, written in YAML (or JSON, which is YAML): a rule by itself, or a list with
    /// it alone.
    ///
    /// # Errors
    /// Every fault of the rule, with line and column in `text`.
    pub fn with_rule(module: &ModuleSchema, text: &str) -> Result<Self, ConfigErrors> {
        let mut report = Report::default();
        let mut rule = one(yaml::parse(text, &yaml::Source::File(NAME.into()))?)?;
        rule.visit_texts(&mut KeyPath::default(), &mut |_, node| unescape(node));
        let mut options = Node::empty_map(rule.origin.clone());
        options.value = Value::Map(vec![Entry {
            key: "rules".to_owned(),
            origin: rule.origin.clone(),
            node: Node::new(Value::List(vec![rule]), Origin::Inline),
        }]);
        let path = KeyPath::of(["modules", &module.id]);
        options.refuse_duplicates(&mut path.clone(), &mut report);
        schema::check(&mut options, module.schema.as_value(), path, &mut report);
        report.finish()?;
        Ok(Self {
            id: module.id.clone(),
            is_enabled: true,
            options,
        })
    }
}

/// Takes `$${` as the file does: a literal `${`.
fn unescape(node: &mut Node) {
    if let Value::Text(text) = &mut node.value
        && text.contains("$${")
    {
        *text = text.replace("$${", "${");
    }
}

/// The rule that stands by itself or alone in a list.
fn one(node: Node) -> Result<Node, Fault> {
    let origin = node.origin.clone();
    match node.value {
        Value::List(mut items) if items.len() == 1 => Ok(items.remove(0)),
        Value::List(items) => {
            let message = format!("expected one rule, found a list of {}", items.len());
            Err(Fault::new(origin, KeyPath::default(), message))
        }
        _ => Ok(node),
    }
}

#[cfg(test)]
mod tests {
    use schemars::json_schema;
    use serde_json::json;

    use super::*;

    fn module() -> ModuleSchema {
        let schema = json_schema!({
            "type": "object",
            "properties": { "rules": { "type": "array", "items": {
                "type": "object",
                "properties": { "id": { "type": "string" }, "limit": { "type": "integer" } },
                "required": ["id"],
                "additionalProperties": false,
            } } },
        });
        ModuleSchema {
            id: "detector.test".into(),
            schema,
            enabled_by_default: false,
        }
    }

    #[test]
    fn a_rule_is_read_as_yaml_and_as_json_and_nothing_outside_is_looked_at() {
        let expected = json!({ "rules": [{ "id": "${HOME}${file:/etc/passwd}", "limit": 3 }] });
        for text in [
            "id: '${HOME}${file:/etc/passwd}'\nlimit: 3\n",
            "- id: '${HOME}${file:/etc/passwd}'\n  limit: 3\n",
            r#"{"id": "${HOME}${file:/etc/passwd}", "limit": 3}"#,
        ] {
            let options = ModuleOptions::with_rule(&module(), text).unwrap();
            assert_eq!(options.shown(), expected, "{text}");
        }
        let options = ModuleOptions::with_rule(&module(), "id: '$${1} $$'").unwrap();
        let expected = json!({ "rules": [{ "id": "${1} $$" }] });
        assert_eq!(options.shown(), expected);
    }

    #[test]
    fn faults_name_their_place_in_the_rule() {
        let rows = [
            (
                "id: a\nlimit: x\n",
                "rule:2:8: modules.\"detector.test\".rules[0].limit: expected",
            ),
            ("id: a\nid: b\n", "this key stands twice"),
            ("id: a\nlimti: 3\n", "did you mean `limit`?"),
            ("- id: a\n- id: b\n", "expected one rule, found a list of 2"),
            ("[", "rule:"),
            ("7", "rule"),
            ("", "rule"),
        ];
        for (text, part) in rows {
            let errors = ModuleOptions::with_rule(&module(), text)
                .unwrap_err()
                .to_string();
            assert!(errors.contains(part), "{text}: {errors}");
        }
    }
}
