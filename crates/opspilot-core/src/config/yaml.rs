//! YAML text to a tree with places.
//!
//! The parser is bounded: size, depth, number of values and replays of anchors, so that a hostile
//! file costs one error and not the memory of the machine. Keys that stand twice reach the tree,
//! where all of them are reported at once. Merge keys (`<<`) are ordinary keys, as in YAML 1.2.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error, Location, MessageFormatter, Options, Spanned, UserMessageFormatter};

use super::fault::{Fault, KeyPath, Origin};
use super::tree::{Entry, Node, Value};

/// Sections and lists may be nested this deep.
const MAX_DEPTH: usize = 48;
/// More values than this, anchors replayed, is no configuration.
const MAX_VALUES: usize = 500_000;
/// What anchors may add to what is written.
const MAX_REPLAYED: usize = 50_000;
/// What anchors may add in bytes of text.
const MAX_REPLAYED_BYTES: usize = 1 << 20;

/// Where a YAML text stands.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(Arc<str>),
    Variable(Arc<str>),
}

impl Source {
    pub(crate) fn origin(&self, line: u64, column: u64) -> Origin {
        match self {
            Self::File(path) => Origin::File {
                path: Arc::clone(path),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
            },
            Self::Variable(name) => Origin::Variable {
                name: Arc::clone(name),
            },
        }
    }

    fn at(&self, location: Location) -> Origin {
        self.origin(location.line(), location.column())
    }
}

/// Reads one YAML document.
pub(crate) fn parse(text: &str, source: &Source) -> Result<Node, Fault> {
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options(text.len())) {
        Ok(raw) => Ok(node(raw, source)),
        Err(error) => Err(fault(&error, source)),
    }
}

fn options(length: usize) -> Options {
    let budget = serde_saphyr::budget! {
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_nodes: MAX_VALUES,
        max_events: 2 * MAX_VALUES,
        max_total_scalar_bytes: length.saturating_mul(4).saturating_add(MAX_REPLAYED_BYTES),
    };
    let mut aliases = AliasLimits::default();
    aliases.max_total_replayed_events = MAX_REPLAYED;
    aliases.max_replay_stack_depth = 8;
    let mut options = Options::default();
    options.budget = budget;
    options.alias_limits = aliases;
    options.duplicate_keys = DuplicateKeyPolicy::PassThrough;
    options.merge_keys = MergeKeyPolicy::AsOrdinary;
    options.strict_booleans = true;
    options.reject_unsupported_tags = true;
    options.with_snippet = false;
    options
}

fn fault(error: &Error, source: &Source) -> Fault {
    let (line, column) = error
        .location()
        .map_or((0, 0), |location| (location.line(), location.column()));
    let (message, help) = explain(error);
    Fault::new(source.origin(line, column), KeyPath::default(), message).help(help)
}

/// What is wrong in words, and the way out.
fn explain(error: &Error) -> (String, &'static str) {
    let text = UserMessageFormatter.format_message(error);
    match error {
        _ if is_limit(error, &text) => (
            "the file is too large or too deeply nested, anchors included".to_owned(),
            "write the values out instead of nesting them or repeating anchors",
        ),
        Error::MultipleDocuments { .. } => (
            "a second document begins here".to_owned(),
            "keep one document: remove the line `---`",
        ),
        _ if text.contains("unsupported tag") => (
            format!("not valid YAML: {text}"),
            "remove the tag, the word after `!`",
        ),
        _ if text.contains("tabs") => (
            "not valid YAML: a tab stands where indentation is expected".to_owned(),
            "indent with spaces",
        ),
        _ => (
            format!("not valid YAML: {text}"),
            "check indentation, quotes and colons just before this place",
        ),
    }
}

/// Says whether a bound was hit. The parser reports some bounds as plain messages.
fn is_limit(error: &Error, text: &str) -> bool {
    let is_message = text.contains("too large or too complex") || text.contains("recursion limit");
    matches!(error, Error::Budget { .. }) || is_message
}

fn node(raw: Spanned<Raw>, source: &Source) -> Node {
    let origin = source.at(raw.referenced);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(truth) => Value::Bool(truth),
        Raw::Integer(number) => Value::Integer(number),
        Raw::Float(number) => Value::Float(number),
        Raw::Text(text) => Value::Text(text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, source)).collect()),
        Raw::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, _)| Entry {
                origin: source.at(key.referenced),
                key: key.value,
                node: node(value, source),
            };
            Value::Map(entries.into_iter().map(entry).collect())
        }
    };
    Node::new(value, origin)
}

/// A value as the parser hands it over.
enum Raw {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Raw, E> {
        Err(E::custom("binary data has no place here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            if key.value.is_empty() {
                return Err(A::Error::custom("a key is empty"));
            }
            entries.push((key, access.next_value()?));
        }
        Ok(Raw::Map(entries))
    }
}
