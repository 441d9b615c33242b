//! A configuration as a tree in which every value remembers where it was written.

use super::fault::{Fault, KeyPath, Origin, Report, Segment};

/// A value and where it came from.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// The text came from a variable or another file, or the key is a secret: never shown.
    pub(crate) hidden: bool,
    /// The whole text came from a variable or another file, so it may stand for a number or
    /// a truth value where the schema asks for one.
    pub(crate) loose: bool,
}

/// What can stand in a configuration file.
#[derive(Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Stands where the real value could not be found; its fault is already reported.
    Invalid,
}

/// A key of a section with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) const fn new(value: Value, origin: Origin) -> Self {
        Self {
            value,
            origin,
            hidden: false,
            loose: false,
        }
    }

    pub(crate) const fn empty_map(origin: Origin) -> Self {
        Self::new(Value::Map(Vec::new()), origin)
    }

    /// The tree of a JSON value.
    pub(crate) fn from_json(json: serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(truth) => Value::Bool(truth),
            serde_json::Value::Number(number) => number.as_i128().map_or_else(
                || Value::Float(number.as_f64().unwrap_or(f64::NAN)),
                Value::Integer,
            ),
            serde_json::Value::String(text) => Value::Text(text),
            serde_json::Value::Array(items) => {
                Value::List(items.into_iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(entries) => {
                Value::Map(entries.into_iter().map(Entry::from_json).collect())
            }
        };
        Self::new(value, Origin::Inline)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value under a key, if this is a section that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.entries().iter();
        entries
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The value at the end of a path of keys.
    pub(crate) fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter().try_fold(self, |node, key| node.get(key))
    }

    /// One step further in.
    pub(crate) fn step(&self, segment: &Segment) -> Option<&Self> {
        match (segment, &self.value) {
            (Segment::Key(key), _) => self.get(key),
            (Segment::Index(index), Value::List(items)) => items.get(*index),
            _ => None,
        }
    }

    /// Marks this value and all inside it as not to be shown.
    pub(crate) fn hide(&mut self) {
        self.hidden = true;
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(Self::hide),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.hide()),
            _ => {}
        }
    }

    /// Takes a key out of this section.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry> {
        let Value::Map(entries) = &mut self.value else {
            return None;
        };
        let position = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(position))
    }

    /// Puts a value at the end of a path, making sections on the way. A value on the way that is
    /// no section is left alone: the check of the schema reports it.
    pub(crate) fn set(&mut self, path: &[String], node: Self) {
        let Some((key, rest)) = path.split_first() else {
            *self = node;
            return;
        };
        if matches!(self.value, Value::Null) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else {
            return;
        };
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
            entry.node.set(rest, node);
            return;
        }
        let mut child = Self::empty_map(node.origin.clone());
        let origin = node.origin.clone();
        child.set(rest, node);
        entries.push(Entry {
            key: key.clone(),
            origin,
            node: child,
        });
    }

    /// `true`, or the text of a variable that stands for it.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self.value, Value::Bool(true)) || (self.loose && self.is_text("true"))
    }

    /// `false`, or the text of a variable that stands for it.
    pub(crate) fn is_false(&self) -> bool {
        matches!(self.value, Value::Bool(false)) || (self.loose && self.is_text("false"))
    }

    /// Says whether this is a text, white space around it aside.
    pub(crate) fn is_text(&self, wanted: &str) -> bool {
        matches!(&self.value, Value::Text(text) if text.trim() == wanted)
    }

    /// Says whether both hold the same values, wherever they were written and in whatever order
    /// the keys of a section stand.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|entry| other.get(&entry.key).is_some_and(|b| entry.node.same(b)))
            }
            _ => false,
        }
    }

    /// Says whether this value or one inside it must not be shown.
    pub(crate) fn holds_hidden(&self) -> bool {
        self.hidden
            || match &self.value {
                Value::List(items) => items.iter().any(Self::holds_hidden),
                Value::Map(entries) => entries.iter().any(|entry| entry.node.holds_hidden()),
                _ => false,
            }
    }

    /// Visits every text below this node together with its path.
    pub(crate) fn visit_texts(
        &mut self,
        path: &mut KeyPath,
        visit: &mut impl FnMut(&KeyPath, &mut Self),
    ) {
        match &mut self.value {
            Value::Text(_) => visit(path, self),
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    path.push(Segment::Index(index));
                    item.visit_texts(path, visit);
                    path.pop();
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    path.push(Segment::Key(entry.key.as_str().into()));
                    entry.node.visit_texts(path, visit);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// Reports every key that stands twice in one section, and keeps the first of each.
    pub(crate) fn refuse_duplicates(&mut self, path: &mut KeyPath, report: &mut Report) {
        match &mut self.value {
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    path.push(Segment::Index(index));
                    item.refuse_duplicates(path, report);
                    path.pop();
                }
            }
            Value::Map(entries) => {
                keep_first_of_each(entries, path, report);
                for entry in entries {
                    path.push(Segment::Key(entry.key.as_str().into()));
                    entry.node.refuse_duplicates(path, report);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

impl Entry {
    fn from_json((key, value): (String, serde_json::Value)) -> Self {
        Self {
            key,
            origin: Origin::Inline,
            node: Node::from_json(value),
        }
    }
}

fn keep_first_of_each(entries: &mut Vec<Entry>, path: &KeyPath, report: &mut Report) {
    let mut first = std::collections::HashMap::with_capacity(entries.len());
    entries.retain(|entry| match first.get(&entry.key) {
        None => {
            first.insert(entry.key.clone(), entry.origin.clone());
            true
        }
        Some(earlier) => {
            let path = path.with_key(&entry.key);
            let message = format!("this key stands twice; the first is at {earlier}");
            report
                .fault(Fault::new(entry.origin.clone(), path, message).help("keep one of the two"));
            false
        }
    });
}

/// What kind of value this is, in words.
pub(crate) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Text(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "a section",
        Value::Invalid => "an unknown value",
    }
}
