//! Holds a tree against a JSON Schema and reports **every** fault, not only the first.
//!
//! It reads what `schemars` writes for option structs: `type`, `properties`, `required`,
//! `additionalProperties`, `items`, `enum`, `const`, `oneOf`, `anyOf`, `allOf`, `$ref` into
//! `$defs`, and the bounds of numbers, texts and lists. Other keywords are left to the type's own
//! deserialiser. Source: JSON Schema 2020-12, core and validation vocabularies.
//!
//! On the way it turns texts that came whole from a variable into the number or truth value the
//! schema asks for, and marks the values of secret keys (`writeOnly`) as hidden.

mod choices;
mod scalars;
mod sections;

use serde_json::Value as Json;

use super::fault::{Fault, KeyPath, Report, Segment};
use super::tree::{Node, Value, kind};

/// `$ref` chains and schemas inside schemas are followed this far.
const MAX_DEPTH: usize = 64;

/// Checks a tree that stands at `path` against a schema.
pub(crate) fn check(node: &mut Node, schema: &Json, path: KeyPath, report: &mut Report) {
    let mut checker = Checker {
        root: schema,
        path,
        depth: 0,
        report,
    };
    checker.check(node, schema);
}

struct Checker<'s, 'r> {
    root: &'s Json,
    path: KeyPath,
    depth: usize,
    report: &'r mut Report,
}

impl<'s> Checker<'s, '_> {
    fn check(&mut self, node: &mut Node, schema: &'s Json) {
        if self.depth >= MAX_DEPTH || matches!(node.value, Value::Invalid) {
            return;
        }
        self.depth += 1;
        self.check_here(node, schema);
        self.depth -= 1;
    }

    fn check_here(&mut self, node: &mut Node, schema: &'s Json) {
        if *schema == Json::Bool(false) {
            return self.fault(node, "this key takes no value".to_owned(), None);
        }
        if let Some(target) = resolve(self.root, schema) {
            self.check(node, target);
        }
        for part in list(schema, "allOf") {
            self.check(node, part);
        }
        let choices = choices::of(schema);
        if !choices.is_empty() {
            self.check_choices(node, choices);
        }
        if !self.check_type(node, schema) {
            return;
        }
        match &node.value {
            Value::Map(_) => self.check_section(node, schema),
            Value::List(_) => self.check_list(node, schema),
            _ => self.check_scalar(node, schema),
        }
    }

    /// Says whether the value has a type the schema allows; reports it if not.
    fn check_type(&mut self, node: &mut Node, schema: &'s Json) -> bool {
        if schema.get("writeOnly") == Some(&Json::Bool(true)) {
            self.check_secret(node);
        }
        let types = types(schema);
        if types.is_empty()
            || types
                .iter()
                .any(|kind| scalars::has_type(&node.value, kind))
        {
            return true;
        }
        if types.contains(&"object") && matches!(node.value, Value::Null) && !self.in_list() {
            node.value = Value::Map(Vec::new());
            return true;
        }
        if scalars::coerce(node, &types) {
            return true;
        }
        let message = format!(
            "expected {}, found {}",
            scalars::expected(&types),
            scalars::found(node)
        );
        let help = scalars::type_help(node, &types);
        self.fault(node, message, help);
        false
    }

    fn in_list(&self) -> bool {
        matches!(self.path.segments().last(), Some(Segment::Index(_)))
    }

    /// A secret is hidden from here on; one written out in the file is worth a warning.
    fn check_secret(&mut self, node: &mut Node) {
        let is_literal =
            !node.hidden && matches!(&node.value, Value::Text(text) if !text.is_empty());
        if is_literal {
            let message = "a secret stands in the configuration itself";
            let warning = Fault::new(node.origin.clone(), self.path.clone(), message);
            let help = "write `${VARIABLE}` or `${file:/path}` and keep it elsewhere";
            self.report.warn(warning.help(help));
        }
        node.hidden = true;
    }

    fn check_list(&mut self, node: &mut Node, schema: &'s Json) {
        let Value::List(items) = &mut node.value else {
            return;
        };
        let length = items.len();
        if let Some(item_schema) = schema.get("items") {
            for (index, item) in items.iter_mut().enumerate() {
                self.path.push(Segment::Index(index));
                self.check(item, item_schema);
                self.path.pop();
            }
        }
        if let Some(message) = scalars::length_fault(schema, "Items", "entries", length) {
            self.fault(node, message, None);
        }
    }

    fn fault(&mut self, node: &Node, message: String, help: Option<String>) {
        let mut fault = Fault::new(node.origin.clone(), self.path.clone(), message);
        fault.help = help;
        self.report.fault(fault);
    }

    /// Runs a check without keeping what it reports, and hands back the report.
    fn attempt(&mut self, node: &mut Node, schema: &'s Json) -> Report {
        let mut report = Report::default();
        let mut checker = Checker {
            root: self.root,
            path: self.path.clone(),
            depth: self.depth,
            report: &mut report,
        };
        checker.check(node, schema);
        report
    }
}

/// The schema a `$ref` into the same document points to.
pub(crate) fn resolve<'s>(root: &'s Json, schema: &'s Json) -> Option<&'s Json> {
    let reference = schema.get("$ref")?.as_str()?;
    root.pointer(reference.strip_prefix('#')?)
}

/// The members of a keyword that is a list of schemas.
pub(crate) fn list<'s>(schema: &'s Json, keyword: &str) -> &'s [Json] {
    let members = schema.get(keyword).and_then(Json::as_array);
    members.map_or(&[], Vec::as_slice)
}

/// The types a schema allows; empty where it does not say.
pub(crate) fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
