//! Where the secrets of a text stand.

use std::collections::BTreeSet;

use super::super::fault::Origin;
use super::super::modules::KnownModules;
use super::super::tree::{Node, Value};
use super::names::SecretNames;
use super::{TELLING, is_reference};

/// A line and a column, both from 1. A column counts characters.
type Place = (usize, usize);

/// The places of a text at which a key or a value begins.
#[derive(Debug, Default)]
pub(super) struct Places {
    shown: BTreeSet<Place>,
    hidden: BTreeSet<Place>,
    /// The secrets themselves.
    secrets: BTreeSet<String>,
    is_lost: bool,
}

impl Places {
    /// Those of `tree`. `None` if a secret cannot be found again in the text.
    pub(super) fn of(tree: &Node, names: &SecretNames, known: &KnownModules) -> Option<Self> {
        let mut places = Self::default();
        let is_secret = |path: &[&str], key: &str| {
            let is_unknown = path == ["modules"] && known.get(key).is_none();
            is_unknown || names.has(key)
        };
        places.node(tree, &mut Vec::new(), false, &is_secret);
        places.hide_copies(tree);
        // What is secret by one way to it is secret by every other (an anchor and its aliases).
        places.shown.retain(|place| !places.hidden.contains(place));
        (!places.is_lost).then_some(places)
    }

    fn node<'t>(
        &mut self,
        node: &'t Node,
        path: &mut Vec<&'t str>,
        is_secret: bool,
        is_name: &dyn Fn(&[&str], &str) -> bool,
    ) {
        match &node.value {
            Value::Map(entries) => {
                self.note(&node.origin, false);
                for entry in entries {
                    self.note(&entry.origin, is_secret);
                    let is_secret = is_secret || is_name(path, &entry.key);
                    path.push(&entry.key);
                    self.node(&entry.node, path, is_secret, is_name);
                    path.pop();
                }
            }
            Value::List(items) => {
                self.note(&node.origin, false);
                for item in items {
                    self.node(item, path, is_secret, is_name);
                }
            }
            // Nothing has no characters of its own.
            Value::Null => {}
            _ => match text_of(&node.value) {
                Some(text) if is_secret && !text.is_empty() && !is_reference(&text) => {
                    self.note(&node.origin, true);
                    self.secrets.insert(text);
                }
                _ => self.note(&node.origin, false),
            },
        }
    }

    fn note(&mut self, origin: &Origin, is_hidden: bool) {
        let Origin::File { line, column, .. } = origin else {
            return;
        };
        let place = (*line as usize, *column as usize);
        // Line 0 is nowhere.
        if place.0 == 0 || place.1 == 0 {
            self.is_lost |= is_hidden;
        } else if is_hidden {
            self.hidden.insert(place);
        } else {
            self.shown.insert(place);
        }
    }

    /// Hides the keys and values elsewhere that say what a secret says.
    fn hide_copies(&mut self, node: &Node) {
        let is_copy = |text: &str| {
            self.secrets.iter().any(|secret| {
                secret == text || (secret.len() >= TELLING && text.contains(secret.as_str()))
            })
        };
        let mut found = Vec::new();
        copies(node, &is_copy, &mut found);
        for origin in found {
            self.note(origin, true);
        }
    }

    /// For each line of `text`, from which column on it is not shown, from 0.
    pub(super) fn cuts(&self, text: &str) -> Vec<Option<usize>> {
        let lines: Vec<&str> = text.lines().collect();
        let mut cuts = vec![None; lines.len()];
        let mut cut = |line: usize, column: usize| {
            if let Some(place) = line.checked_sub(1).and_then(|at| cuts.get_mut(at)) {
                *place = Some(place.map_or(column, |old: usize| old.min(column)));
            }
        };
        for &(line, column) in &self.hidden {
            cut(line, column - 1);
            let end = self.shown.range((line, column)..).next();
            let (end, end_column) = end.copied().unwrap_or((lines.len() + 1, 1));
            (line + 1..end).for_each(|line| cut(line, 0));
            let before = lines.get(end - 1).map(|line| before(line, end_column));
            if end > line && before.is_some_and(|before| !is_idle(&before)) {
                cut(end, 0);
            }
        }
        cuts
    }

    /// `line`, unless a secret stands in it all the same, in a comment for instance.
    pub(super) fn without_secrets(&self, line: String) -> String {
        let mut parts = self.secrets.iter().flat_map(|secret| secret.lines());
        let is_told = |part: &str| part.len() >= TELLING && line.contains(part);
        if parts.any(|part| is_told(part.trim())) {
            super::hidden(&line, 0)
        } else {
            line
        }
    }
}

fn copies<'t>(node: &'t Node, is_copy: &dyn Fn(&str) -> bool, found: &mut Vec<&'t Origin>) {
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                if is_copy(&entry.key) {
                    found.push(&entry.origin);
                }
                copies(&entry.node, is_copy, found);
            }
        }
        Value::List(items) => items.iter().for_each(|item| copies(item, is_copy, found)),
        value => {
            if text_of(value).is_some_and(|text| is_copy(&text)) {
                found.push(&node.origin);
            }
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Invalid | Value::List(_) | Value::Map(_) => None,
    }
}

/// What stands on a line before a column.
fn before(line: &str, column: usize) -> String {
    line.chars().take(column - 1).collect()
}

/// True for what may stand before a key or an item without being part of a value.
fn is_idle(before: &str) -> bool {
    before.chars().all(|c| matches!(c, ' ' | '-' | '?'))
}
