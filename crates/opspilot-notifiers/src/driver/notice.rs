//! What a notifier delivers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::{Envelope, EventId, TracePlace};
use serde::Serialize;
use tracing::Span;

/// What a notifier delivers.
#[derive(Debug, Clone)]
pub enum Notice {
    /// Something happened.
    Event(Arc<Envelope>),
    /// Several things happened that the rate limit held back.
    Summary(Arc<Summary>),
}

/// What a rate limit held back.
#[derive(Debug, Clone)]
pub struct Summary {
    id: EventId,
    at: Timestamp,
    by_type: BTreeMap<String, u64>,
    last_seq: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    id: EventId,
    r#type: &'a str,
    source: &'a str,
    timestamp: Timestamp,
    payload: Payload<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    held_back: u64,
    by_type: &'a BTreeMap<String, u64>,
    message: String,
}

impl Notice {
    /// The identity of the notice; the same whenever it is tried again.
    #[must_use]
    pub fn id(&self) -> EventId {
        match self {
            Self::Event(event) => event.id,
            Self::Summary(summary) => summary.id,
        }
    }

    /// The wire type.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Event(event) => event.kind(),
            Self::Summary(_) => Summary::TYPE,
        }
    }

    /// What it belongs to: the id of an incident or request.
    pub(super) fn correlation(&self) -> Option<String> {
        match self {
            Self::Event(event) => event.correlation_id.as_deref().map(str::to_owned),
            Self::Summary(_) => None,
        }
    }

    /// The place of the notice in a trace, as the header `traceparent` says it; `None` for a summary.
    #[must_use]
    pub fn trace(&self) -> Option<TracePlace> {
        match self {
            Self::Event(event) => Some(event.trace()),
            Self::Summary(_) => None,
        }
    }

    /// A span of its delivery to `channel`.
    pub(super) fn span(&self, channel: &str) -> Span {
        match self {
            Self::Event(event) => event.delivering(channel),
            Self::Summary(_) => Span::none(),
        }
    }

    /// The whole wire form: `id`, `type`, `source`, `timestamp`, `correlationId` where there is one, and `payload`.
    #[must_use]
    pub fn json(&self) -> Cow<'_, str> {
        match self {
            Self::Event(event) => Cow::Borrowed(event.json()),
            Self::Summary(summary) => Cow::Owned(summary.json()),
        }
    }
}

impl Summary {
    /// The wire type.
    pub const TYPE: &str = "notification.summary";

    /// A summary of nothing yet.
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            id: EventId::generate(at),
            at,
            by_type: BTreeMap::new(),
            last_seq: 0,
        }
    }

    pub(super) fn add(&mut self, event: &Envelope) {
        *self.by_type.entry(event.kind().to_owned()).or_default() += 1;
        self.last_seq = event.seq;
    }

    /// The place in the journal up to which the summary tells of everything.
    pub(super) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// How many notices were held back.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.by_type.values().sum()
    }

    /// When the summary was made.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The summary as a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let parts: Vec<_> = self
            .by_type
            .iter()
            .map(|(kind, n)| format!("{n} {kind}"))
            .collect();
        format!(
            "{} notifications held back by the rate limit: {}",
            self.count(),
            parts.join(", ")
        )
    }

    fn json(&self) -> String {
        let wire = Wire {
            id: self.id,
            r#type: Self::TYPE,
            source: "notifier.channels",
            timestamp: self.at,
            payload: Payload {
                held_back: self.count(),
                by_type: &self.by_type,
                message: self.text(),
            },
        };
        serde_json::to_string(&wire).expect("text keys and numbers always have a JSON form")
    }
}
