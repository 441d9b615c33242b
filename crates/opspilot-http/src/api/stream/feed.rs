//! What one listener is sent.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use opspilot_core::error::chain;
use opspilot_core::journal::Journal;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tracing::warn;

use super::super::access::Door;
use super::super::state::State;
use super::hub::Frame;

/// The most events that a listener who comes back is sent; with more, it is told to read again.
const CATCH_UP: u64 = 4_096;

/// How many of them are sent in one piece.
const PAGE: usize = 64;

/// How long a browser waits before it comes back by itself, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// Who listens.
#[derive(Debug)]
pub(super) struct Visitor {
    /// Where they came in.
    pub(super) door: Option<Door>,
    /// What they showed.
    pub(super) headers: HeaderMap,
    /// Where they are.
    pub(super) address: IpAddr,
}

/// One listener's stream. Dropping it gives the seat back.
#[derive(Debug)]
pub(super) struct Feed {
    state: State,
    visitor: Visitor,
    frames: Receiver<Arc<Frame>>,
    /// The only types that are sent; all, when empty.
    types: Vec<&'static str>,
    /// The number of the last event that was sent, left out, or told of as missed.
    last: u64,
    /// Up to which number events come from the journal.
    stored: u64,
    /// What is said before anything else.
    greeting: Option<Bytes>,
    beat: Interval,
    _seat: OwnedSemaphorePermit,
}

impl Feed {
    /// The stream of everything from now on.
    pub(super) fn new(state: State, visitor: Visitor, seat: OwnedSemaphorePermit) -> Self {
        let every = state.limits().beat;
        let mut beat = interval_at(tokio::time::Instant::now() + every, every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Invariant: it listens before it looks where the journal ends, so nothing falls between the two.
        let frames = state.hub.listen();
        let head = state.cx.system.bus().journal().head();
        Self {
            frames,
            visitor,
            types: Vec::new(),
            last: head,
            stored: head,
            greeting: None,
            beat,
            _seat: seat,
            state,
        }
    }

    /// The same with these types alone, if there are any.
    pub(super) fn of(mut self, types: impl Iterator<Item = &'static str>) -> Self {
        self.types = types.collect();
        self
    }

    /// The same from behind the event `after`, as far as that is known and not too long ago.
    pub(super) fn resume(mut self, after: Option<u64>) -> Self {
        let head = self.stored;
        let mut missed = None;
        match after {
            None => {}
            // The journal is another one, or was put back.
            Some(after) if after > head => missed = Some(0),
            Some(after) if head - after > CATCH_UP => missed = Some(head - after),
            Some(after) => self.last = after,
        }
        let mut text = format!("retry: {RETRY_MS}\n{}", self.told("hello", &json!({})));
        if let Some(count) = missed {
            text += &self.told("missed", &json!({ "count": count }));
        }
        self.greeting = Some(text.into());
        self
    }

    /// The next piece of the stream; `None` at its end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        while self.last < self.stored {
            if let Some(piece) = self.read_stored().await {
                return Some(piece);
            }
        }
        let cancel = self.state.cx.cancel.clone();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return None,
                _ = self.beat.tick() => {
                    let is_welcome = self.is_welcome().await;
                    return is_welcome.then(|| self.told("beat", &json!({})).into());
                }
                frame = self.frames.recv() => match frame {
                    Ok(frame) => if let Some(piece) = self.take(&frame) {
                        return Some(piece);
                    },
                    // The numbers of what follows tell how many were lost.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// True if whoever listens would still be let in.
    async fn is_welcome(&self) -> bool {
        let Visitor {
            door,
            headers,
            address,
        } = &self.visitor;
        match door {
            Some(door) => door.admits(headers, *address).await,
            None => false,
        }
    }

    /// What `frame` means for this listener.
    fn take(&mut self, frame: &Frame) -> Option<Bytes> {
        let seq = frame.seq();
        if seq <= self.last {
            return None;
        }
        let missed = self.pass(seq);
        let message = self.wants(frame).then(|| frame.message());
        match (missed, message) {
            (Some(missed), Some(message)) => Some([missed.as_bytes(), &message].concat().into()),
            (missed, message) => message.or_else(|| missed.map(Bytes::from)),
        }
    }

    /// Goes on to `seq`. Returns what is to be said of events in between.
    fn pass(&mut self, seq: u64) -> Option<String> {
        let count = seq - self.last - 1;
        self.last = seq - 1;
        let missed = (count > 0).then(|| {
            self.state.metrics().missed(count);
            self.told("missed", &json!({ "count": count }))
        });
        self.last = seq;
        missed
    }

    fn wants(&self, frame: &Frame) -> bool {
        self.types.is_empty() || self.types.contains(&frame.kind())
    }

    /// The next events that were stored before the stream began; `None` if none of them is wanted.
    async fn read_stored(&mut self) -> Option<Bytes> {
        let page = match journal(&self.state).read(self.last, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                warn!(error = %chain(&error), "a listener cannot be sent what it missed");
                Vec::new()
            }
        };
        if page.is_empty() {
            return self
                .pass(self.stored + 1)
                .inspect(|_| self.last = self.stored)
                .map(Bytes::from);
        }
        let mut piece = BytesMut::new();
        for envelope in page {
            let frame = Frame::new(envelope);
            if let Some(message) = self.take(&frame) {
                piece.extend_from_slice(&message);
            }
        }
        (!piece.is_empty()).then(|| piece.freeze())
    }

    /// A message of the stream itself, with the place so far and the server's time.
    fn told(&self, kind: &str, more: &serde_json::Value) -> String {
        let mut data =
            json!({ "at": self.state.cx.clock.now(), "head": journal(&self.state).head() });
        if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
            data.extend(more.clone());
        }
        format!("id: {}\nevent: {kind}\ndata: {data}\n\n", self.last)
    }
}

fn journal(state: &State) -> &Journal {
    state.cx.system.bus().journal()
}
