//! Sections: unknown keys, missing keys, and the value of each known one.

use serde_json::{Map, Value as Json};

use super::super::fault::{Fault, Segment};
use super::super::nearest::suggestion;
use super::super::tree::{Node, Value};
use super::Checker;

impl<'s> Checker<'s, '_> {
    pub(super) fn check_section(&mut self, node: &mut Node, schema: &'s Json) {
        self.check_required(node, schema);
        let Value::Map(entries) = &mut node.value else {
            return;
        };
        let known = schema.get("properties").and_then(Json::as_object);
        let other = schema.get("additionalProperties");
        for entry in entries {
            let property = known.and_then(|known| known.get(&entry.key));
            self.path.push(Segment::Key(entry.key.as_str().into()));
            match (property, other) {
                (Some(schema), _) => self.check(&mut entry.node, schema),
                (None, Some(Json::Bool(false))) => {
                    let help = unknown_key_help(&entry.key, known);
                    let fault = Fault::new(entry.origin.clone(), self.path.clone(), "unknown key");
                    self.report.fault(fault.help(help));
                }
                (None, Some(schema)) => self.check(&mut entry.node, schema),
                (None, None) => {}
            }
            self.path.pop();
        }
    }

    fn check_required(&mut self, node: &Node, schema: &Json) {
        for key in super::list(schema, "required")
            .iter()
            .filter_map(Json::as_str)
        {
            if node.get(key).is_none() {
                let path = self.path.with_key(key);
                let fault = Fault::new(node.origin.clone(), path, "this key is missing");
                self.report.fault(match description(schema, key) {
                    Some(text) => fault.help(format!("add it: {text}")),
                    None => fault.help(format!("add `{key}: …`")),
                });
            }
        }
    }
}

/// The first sentence of what a key is for.
fn description<'s>(schema: &'s Json, key: &str) -> Option<&'s str> {
    let property = schema.get("properties")?.get(key)?;
    let text = property.get("description")?.as_str()?;
    let sentence = text.lines().next()?.trim_end_matches('.');
    (!sentence.is_empty()).then_some(sentence)
}

fn unknown_key_help(key: &str, known: Option<&Map<String, Json>>) -> String {
    let names = known.into_iter().flat_map(Map::keys).map(String::as_str);
    suggestion(key, "the keys here are", names)
}
