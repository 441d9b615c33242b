//! `oneOf` and `anyOf`: optional values, names to choose from, and sections told apart by `type`.

use serde_json::Value as Json;

use super::super::fault::{Fault, Report};
use super::super::nearest::{listed, suggestion};
use super::super::tree::{Node, Value};
use super::scalars::{allowed, shown};
use super::{Checker, list, resolve};

/// The alternatives a schema offers; empty where it offers none.
pub(super) fn of(schema: &Json) -> Vec<&Json> {
    let one = list(schema, "oneOf").iter();
    one.chain(list(schema, "anyOf")).collect()
}

impl<'s> Checker<'s, '_> {
    pub(super) fn check_choices(&mut self, node: &mut Node, choices: Vec<&'s Json>) {
        let (nulls, choices): (Vec<_>, Vec<_>) = choices.into_iter().partition(|c| is_null(c));
        if !nulls.is_empty() && matches!(node.value, Value::Null) {
            return;
        }
        let names: Vec<&Json> = choices.iter().flat_map(|choice| allowed(choice)).collect();
        let all_are_names = choices.iter().all(|choice| !allowed(choice).is_empty());
        match choices.as_slice() {
            [] => {}
            [only] => self.check(node, only),
            _ if all_are_names => self.check_allowed(node, &names),
            _ => match self.tag(&choices) {
                Some(tag) => self.check_tagged(node, &tag, &choices),
                None => self.check_any(node, &choices),
            },
        }
    }

    /// The key whose fixed value tells the alternatives apart, if there is one.
    fn tag(&self, choices: &[&'s Json]) -> Option<String> {
        let first = self.properties(choices.first()?)?;
        let tells_apart = |key: &&String| choices.iter().all(|c| self.tag_value(c, key).is_some());
        first.keys().find(tells_apart).cloned()
    }

    fn properties(&self, choice: &'s Json) -> Option<&'s serde_json::Map<String, Json>> {
        let own = choice.get("properties");
        let target = || resolve(self.root, choice)?.get("properties");
        own.or_else(target)?.as_object()
    }

    fn tag_value(&self, choice: &'s Json, tag: &str) -> Option<&'s str> {
        self.properties(choice)?.get(tag)?.get("const")?.as_str()
    }

    fn check_tagged(&mut self, node: &mut Node, tag: &str, choices: &[&'s Json]) {
        let values: Vec<&str> = choices
            .iter()
            .filter_map(|c| self.tag_value(c, tag))
            .collect();
        if !matches!(node.value, Value::Map(_)) {
            let message = format!(
                "expected a section with the key `{tag}`, found {}",
                shown(node)
            );
            return self.fault(node, message, None);
        }
        let Some(value) = node.get(tag) else {
            let path = self.path.with_key(tag);
            let fault = Fault::new(node.origin.clone(), path, "this key is missing");
            let help = format!("write one of {}", listed(values));
            return self.report.fault(fault.help(help));
        };
        let written = match &value.value {
            Value::Text(text) => text.as_str(),
            Value::Invalid => return,
            _ => "",
        };
        let chosen = choices
            .iter()
            .find(|c| self.tag_value(c, tag) == Some(written));
        match chosen {
            Some(choice) => self.check(node, choice),
            None => {
                let message = format!("{} is not an allowed value", shown(value));
                let path = self.path.with_key(tag);
                let help = suggestion(written, "write one of", values.iter().copied());
                let fault = Fault::new(value.origin.clone(), path, message);
                self.report.fault(fault.help(help));
            }
        }
    }

    /// Takes the first alternative that fits, else reports the one that comes nearest.
    fn check_any(&mut self, node: &mut Node, choices: &[&'s Json]) {
        let mut nearest: Option<Report> = None;
        for choice in choices {
            let mut attempt = node.clone();
            let report = self.attempt(&mut attempt, choice);
            if report.faults.is_empty() {
                *node = attempt;
                self.report.warnings.extend(report.warnings);
                return;
            }
            if nearest
                .as_ref()
                .is_none_or(|n| report.faults.len() < n.faults.len())
            {
                nearest = Some(report);
            }
        }
        self.report
            .faults
            .extend(nearest.into_iter().flat_map(|report| report.faults));
    }
}

fn is_null(schema: &Json) -> bool {
    schema.get("type").and_then(Json::as_str) == Some("null")
}
