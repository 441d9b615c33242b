//! What a delivery says, whatever its format.

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::Severity;
use opspilot_core::signal::Attributes;

/// The longest title, in bytes.
pub(super) const TITLE: usize = 300;

/// The longest description or line, in bytes.
pub(super) const TEXT: usize = 16 << 10;

/// The longest identity, in bytes.
const IDENTITY: usize = 1_000;

/// The most attributes of a signal, and the most bytes of each.
const ATTRIBUTES: (usize, usize) = (100, 2_000);

/// The most signals of one delivery.
pub(super) const SIGNALS: usize = 5_000;

/// One thing that a delivery says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Signal {
    /// Something is wrong.
    Firing {
        which: Which,
        severity: Severity,
        title: String,
        description: String,
        attributes: Attributes,
    },
    /// It is over.
    Resolved { which: Which, reason: String },
    /// A log record.
    Line {
        text: String,
        attributes: Attributes,
    },
}

/// Which thing: the same pair names the same incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Which {
    pub(super) identity: String,
    /// When it began, where the sender says so.
    pub(super) starts_at: Option<Timestamp>,
}

/// What a delivery was read as.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Reading {
    pub(super) signals: Vec<Signal>,
    /// How many signals the sender itself left out.
    pub(super) truncated: u64,
}

/// A body that is not what its route expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}", at = if place.is_empty() { "the body" } else { place })]
pub(super) struct Fault {
    /// Where, as a JSON pointer; empty for the whole body.
    pub(super) place: String,
    /// What is wrong.
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl Which {
    /// Bounds what a sender names.
    pub(super) fn new(identity: &str, starts_at: Option<Timestamp>) -> Self {
        Self {
            identity: cut(identity, IDENTITY),
            starts_at,
        }
    }
}

/// Bounds what a sender attaches.
pub(super) fn bounded(attributes: Attributes) -> Attributes {
    let (count, bytes) = ATTRIBUTES;
    let fits = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => serde_json::Value::String(cut(&text, bytes)),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            serde_json::Value::String(cut(&value.to_string(), bytes))
        }
        plain => plain,
    };
    let entries = attributes.into_iter().take(count);
    entries
        .map(|(key, value)| (cut(&key, 200), fits(value)))
        .collect()
}

/// `text`, or its first about `limit` bytes and `…`.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut short = text
        .get(..text.floor_char_boundary(limit))
        .unwrap_or_default()
        .to_owned();
    short.push('…');
    short
}
