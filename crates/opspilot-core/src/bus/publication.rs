//! What a module hands to the bus.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::event::{Envelope, EnvelopeError, Event, Header};
use crate::signal::Ack;

/// Events that are stored together or not at all.
///
/// A publication that comes from a stream of signals is idempotent: publisher and stream form a lane, the end of what
/// was published is stored in the same transaction, and an event from before that end is dropped. A stream that is read
/// again after a crash therefore creates nothing twice. Publications of one lane must be submitted in stream order.
#[derive(Debug, Default)]
pub struct Publication {
    pub(super) drafts: Vec<Draft>,
    pub(super) origin: Option<Origin>,
    pub(super) ack: Option<Ack>,
}

/// The part of a stream that a publication was derived from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) stream: Arc<str>,
    pub(super) end: u64,
}

/// An event on its way to the journal.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) event: Box<dyn AnyEvent>,
    pub(super) source: Arc<str>,
    pub(super) position: Option<u64>,
    /// How many emissions led to it; ends loops of stages.
    pub(super) depth: u8,
}

impl Publication {
    /// A publication without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the events were derived from `stream` up to position `end`.
    #[must_use]
    pub fn from_stream(mut self, stream: &Arc<str>, end: u64) -> Self {
        self.origin = Some(Origin {
            stream: Arc::clone(stream),
            end,
        });
        self
    }

    /// Releases `ack` once the events are stored, and fails it if they cannot be.
    #[must_use]
    pub fn ack(mut self, ack: Ack) -> Self {
        self.ack = Some(ack);
        self
    }

    /// Adds an event that no position belongs to. In a publication from a stream it is stored even when the stream is
    /// read again.
    #[must_use]
    pub fn event<E: Event>(mut self, event: E) -> Self {
        self.push(None, event);
        self
    }

    /// Adds an event that was derived from the record at `position` of the stream.
    #[must_use]
    pub fn event_at<E: Event>(mut self, position: u64, event: E) -> Self {
        self.push(Some(position), event);
        self
    }

    /// Adds an event, with the position of its record where there is one.
    pub fn push<E: Event>(&mut self, position: Option<u64>, event: E) {
        self.drafts.push(Draft {
            event: Box::new(event),
            source: Arc::default(),
            position,
            depth: 0,
        });
    }

    /// True if there is no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }
}

/// An event of any type.
pub(super) trait AnyEvent: fmt::Debug + Send + Sync {
    /// The wire type.
    fn kind(&self) -> &'static str;
    /// The thread it belongs to.
    fn correlation_id(&self) -> Option<Arc<str>>;
    /// The event, to be downcast.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
    /// The event as place `seq` of the journal; it is encoded in `scratch`.
    fn seal(
        self: Box<Self>,
        seq: u64,
        header: Header,
        scratch: &mut Vec<u8>,
    ) -> Result<Envelope, EnvelopeError>;
}

impl<E: Event> AnyEvent for E {
    fn kind(&self) -> &'static str {
        E::TYPE
    }

    fn correlation_id(&self) -> Option<Arc<str>> {
        Event::correlation_id(self).map(Arc::from)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }

    fn seal(
        self: Box<Self>,
        seq: u64,
        header: Header,
        scratch: &mut Vec<u8>,
    ) -> Result<Envelope, EnvelopeError> {
        Envelope::seal(seq, header, Arc::<E>::from(self), scratch)
    }
}
