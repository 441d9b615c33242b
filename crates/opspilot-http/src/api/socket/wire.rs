//! What the server says on a WebSocket: text frames with one JSON object each.

use bytes::Bytes;
use opspilot_core::clock::Timestamp;
use opspilot_core::event::{Envelope, EnvelopeError};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// A message of the server itself.
#[derive(Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(super) enum Told<'a> {
    /// The first message.
    Welcome {
        client_id: String,
        subscribable_events: &'a [&'static str],
        /// The place in the journal from which events come.
        id: u64,
        heartbeat_interval_ms: u128,
    },
    /// What the client is subscribed to now, after every change.
    Subscribed {
        events: Vec<&'static str>,
        /// The client's place in the journal.
        id: u64,
    },
    /// The answer to `ping`.
    Pong,
    /// Something asked for is not possible, and was not done.
    Error { message: String },
    /// So many events behind `after` and up to `id` are left out.
    Missed { count: u64, after: u64, id: u64 },
}

impl Told<'_> {
    /// The message as a whole frame.
    pub(super) fn frame(&self) -> Bytes {
        // Invariant: texts, numbers and lists of them always have a JSON form.
        frame(serde_json::to_vec(self).unwrap_or_default())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    r#type: &'static str,
    /// The event's place in the journal.
    id: u64,
    event_type: &'a str,
    source: &'a str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    data: &'a RawValue,
}

/// The message that tells of an event.
///
/// # Errors
/// When the event is damaged.
pub(in crate::api) fn event(envelope: &Envelope) -> Result<Vec<u8>, EnvelopeError> {
    let event = Event {
        r#type: "event",
        id: envelope.seq,
        event_type: envelope.kind(),
        source: &envelope.source,
        timestamp: envelope.timestamp,
        correlation_id: envelope.correlation_id.as_deref(),
        data: envelope.raw_payload()?,
    };
    let mut text = Vec::with_capacity(envelope.json().len() + 64);
    serde_json::to_writer(&mut text, &event)?;
    Ok(text)
}

/// A text as a whole frame of a server, which is the same for every client: only clients mask (RFC 6455, section 5.1).
pub(in crate::api) fn frame(text: Vec<u8>) -> Bytes {
    let frame = Frame::message(text, OpCode::Data(Data::Text), true);
    let mut bytes = Vec::with_capacity(frame.len());
    // Writing into a `Vec` cannot fail.
    frame.format(&mut bytes).ok();
    bytes.into()
}
