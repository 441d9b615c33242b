//! What is wrong with a value, and where.

use std::fmt;

use serde::de::{self, Unexpected};

use super::HIDDEN_VALUE_REFUSED;
use crate::config::fault::{Fault, KeyPath, Origin, Segment};
use crate::config::nearest::suggestion;
use crate::config::tree::{Entry, Node};

/// What a type refused, collecting its place on the way out of the tree.
#[derive(Debug)]
pub(super) struct DecodeError {
    message: String,
    help: Option<String>,
    /// Innermost step first.
    path: Vec<Segment>,
    origin: Option<Origin>,
    hidden: bool,
}

impl DecodeError {
    pub(super) fn new(message: String) -> Self {
        Self {
            message,
            help: None,
            path: Vec::new(),
            origin: None,
            hidden: false,
        }
    }

    pub(super) fn at_key(mut self, entry: &Entry) -> Self {
        self.path.push(Segment::Key(entry.key.as_str().into()));
        self.origin.get_or_insert_with(|| entry.origin.clone());
        self
    }

    /// Marks the innermost node that could not be taken.
    pub(super) fn within(mut self, node: &Node) -> Self {
        if self.origin.is_none() {
            self.origin = Some(node.origin.clone());
            self.hidden = node.holds_hidden();
        }
        self
    }

    pub(super) fn step(mut self, segment: Segment, node: &Node) -> Self {
        self = self.within(node);
        self.path.push(segment);
        self
    }

    pub(super) fn into_fault(self, prefix: &KeyPath) -> Fault {
        let mut path = prefix.clone();
        for segment in self.path.into_iter().rev() {
            path.push(segment);
        }
        let message = if self.hidden {
            HIDDEN_VALUE_REFUSED.to_owned()
        } else {
            self.message
        };
        let mut fault = Fault::new(self.origin.unwrap_or(Origin::Inline), path, message);
        fault.help = self.help;
        fault
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    /// Says the kind of what was found, never the value: this level does not know what is secret.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {}", words(&found)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("not an allowed value: expected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self {
            help: Some(suggestion(
                field,
                "the keys here are",
                expected.iter().copied(),
            )),
            ..Self::new("unknown key".to_owned())
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self {
            help: Some(suggestion(
                variant,
                "write one of",
                expected.iter().copied(),
            )),
            ..Self::new("not an allowed value".to_owned())
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }
}

const fn words(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a truth value",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a section",
        _ => "something else",
    }
}
