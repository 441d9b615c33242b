//! Events with everything the bus knows of them.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Event;
use crate::clock::Timestamp;

/// The identity of an event: a time-ordered UUID version 7 (RFC 9562, section 5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id for an event at `now`. Its random part is a counter that starts at a random place in each process, which
    /// RFC 9562, section 6.2, allows, and which asks the kernel for nothing per event.
    #[must_use]
    pub fn generate(now: Timestamp) -> Self {
        static NEXT: LazyLock<AtomicU64> =
            LazyLock::new(|| AtomicU64::new(Uuid::now_v7().as_u64_pair().1));
        static PROCESS: LazyLock<[u8; 2]> = LazyLock::new(|| {
            let bytes = Uuid::now_v7().into_bytes();
            [bytes[14], bytes[15]]
        });
        let mut random = [0; 10];
        let (process, counter) = random.split_at_mut(2);
        process.copy_from_slice(&*PROCESS);
        counter.copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    pub(super) const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A journaled event.
///
/// Its wire form is one JSON object: `id`, `type`, `source`, `timestamp`, `correlationId` where there is one, and
/// `payload`. It is encoded once; subscribers in this process share the typed value without parsing.
#[derive(Clone)]
pub struct Envelope {
    /// Its place in the journal, from 1.
    pub seq: u64,
    /// Its identity.
    pub id: EventId,
    /// The module that published it.
    pub source: Arc<str>,
    /// When it was published.
    pub timestamp: Timestamp,
    /// What it belongs to: the id of the incident or request that started the chain.
    pub correlation_id: Option<Arc<str>>,
    kind: Kind,
    json: Arc<str>,
    typed: Option<Arc<dyn Any + Send + Sync>>,
}

/// A wire type: of an event of this program, or as it was read.
#[derive(Debug, Clone)]
enum Kind {
    Known(&'static str),
    Read(Arc<str>),
}

/// What the bus knows of an event before it has a place in the journal.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) id: EventId,
    pub(crate) source: Arc<str>,
    pub(crate) timestamp: Timestamp,
    pub(crate) correlation_id: Option<Arc<str>>,
}

/// A stored text that is not an event, or an event of another type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The event has another type than the one asked for.
    #[error("the event is a `{found}`, not a `{expected}`")]
    OtherType {
        /// The type it has.
        found: String,
        /// The type asked for.
        expected: &'static str,
    },
    /// The JSON is not what its type says.
    #[error("not the wire form of an event")]
    Malformed(#[from] serde_json::Error),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a, E> {
    id: EventId,
    r#type: &'a str,
    source: &'a str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    payload: &'a E,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    id: EventId,
    r#type: Arc<str>,
    source: Arc<str>,
    timestamp: Timestamp,
    #[serde(default)]
    correlation_id: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Envelope {
    /// Encodes `event` once, in `scratch`, and keeps the typed value beside it.
    ///
    /// # Errors
    /// When the event has no JSON form.
    pub(crate) fn seal<E: Event>(
        seq: u64,
        header: Header,
        event: Arc<E>,
        scratch: &mut Vec<u8>,
    ) -> Result<Self, EnvelopeError> {
        let Header {
            id,
            source,
            timestamp,
            correlation_id,
        } = header;
        let wire = Wire {
            id,
            r#type: E::TYPE,
            source: &source,
            timestamp,
            correlation_id: correlation_id.as_deref(),
            payload: &*event,
        };
        scratch.clear();
        serde_json::to_writer(&mut *scratch, &wire)?;
        let json = std::str::from_utf8(scratch)
            .map_err(serde::ser::Error::custom)
            .map_err(EnvelopeError::Malformed)?
            .into();
        Ok(Self {
            seq,
            id,
            kind: Kind::Known(E::TYPE),
            source,
            timestamp,
            correlation_id,
            json,
            typed: Some(event),
        })
    }

    /// Reads the wire form back, as place `seq` of the journal.
    ///
    /// # Errors
    /// [`EnvelopeError::Malformed`] when `json` is not the wire form of an event.
    pub fn parse(seq: u64, json: &str) -> Result<Self, EnvelopeError> {
        let stored: Stored = serde_json::from_str(json)?;
        Ok(Self {
            seq,
            id: stored.id,
            kind: Kind::Read(stored.r#type),
            source: stored.source,
            timestamp: stored.timestamp,
            correlation_id: stored.correlation_id,
            json: json.into(),
            typed: None,
        })
    }

    /// The wire type, for example `incident.created`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match &self.kind {
            Kind::Known(name) => name,
            Kind::Read(name) => name,
        }
    }

    /// The whole wire form.
    #[must_use]
    pub fn json(&self) -> &Arc<str> {
        &self.json
    }

    /// The payload as it stands in the wire form.
    ///
    /// # Errors
    /// When the wire form is damaged.
    pub fn raw_payload(&self) -> Result<&RawValue, EnvelopeError> {
        let Payload { payload } = serde_json::from_str(&self.json)?;
        Ok(payload)
    }

    /// The event itself: shared when it was published by this process, parsed when it was read from the journal.
    ///
    /// # Errors
    /// When the event is of another type, or its stored form is damaged.
    pub fn payload<E: Event>(&self) -> Result<Arc<E>, EnvelopeError> {
        if self.kind() != E::TYPE {
            return Err(EnvelopeError::OtherType {
                found: self.kind().to_owned(),
                expected: E::TYPE,
            });
        }
        if let Some(Ok(event)) = self.typed.clone().map(Arc::downcast::<E>) {
            return Ok(event);
        }
        Ok(Arc::new(serde_json::from_str(self.raw_payload()?.get())?))
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("seq", &self.seq)
            .field("json", &self.json)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_ordered_by_time() {
        let at = |millis| EventId::generate(Timestamp::from_millis(millis));
        let ids: BTreeSet<EventId> = (0..10_000).map(|_| at(1_000)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(
            ids.iter()
                .all(|id| *id < at(1_001) && at(999) < *id && id.0.get_version_num() == 7)
        );
    }
}
