//! What one listener is sent.

use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::super::access::{Door, Way};
use super::super::state::State;
use super::follow::{Follower, Step};
use super::hub::Frame;

/// How many steps are sent in one piece.
const PIECE: usize = 64;

/// How long a browser waits before it comes back by itself, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// Who listens.
#[derive(Debug)]
pub(in crate::api) struct Visitor {
    /// Where they came in.
    pub(in crate::api) door: Option<Door>,
    /// What they showed.
    pub(in crate::api) headers: HeaderMap,
    /// How they came.
    pub(in crate::api) way: Way,
}

/// One listener's stream. Dropping it gives the seat back.
#[derive(Debug)]
pub(super) struct Feed {
    state: State,
    visitor: Visitor,
    follower: Follower,
    /// The only types that are sent; all, when empty.
    types: Vec<&'static str>,
    /// What is said before anything else.
    greeting: Option<Bytes>,
    beat: Interval,
    _seat: OwnedSemaphorePermit,
}

impl Visitor {
    /// True if whoever listens would still be let in.
    pub(in crate::api) async fn is_welcome(&self) -> bool {
        match &self.door {
            Some(door) => door.admits(&self.headers, self.way).await,
            None => false,
        }
    }
}

impl Feed {
    /// The stream of everything from now on.
    pub(super) fn new(state: State, visitor: Visitor, seat: OwnedSemaphorePermit) -> Self {
        let every = state.limits().beat;
        let mut beat = interval_at(tokio::time::Instant::now() + every, every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            follower: Follower::new(&state.hub, state.cx.system.clone()),
            visitor,
            types: Vec::new(),
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
        let missed = after.and_then(|after| self.follower.resume(after));
        let hello = self.told(self.follower.place(), "hello", &json!({}));
        let mut text = format!("retry: {RETRY_MS}\n{hello}");
        if let Some(count) = missed {
            let place = self.follower.place();
            text += &self.told(place, "missed", &json!({ "count": count }));
        }
        self.greeting = Some(text.into());
        self
    }

    /// The next piece of the stream; `None` at its end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        let cancel = self.state.cx.cancel.clone();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return None,
                _ = self.beat.tick() => {
                    let place = self.follower.place();
                    let is_welcome = self.visitor.is_welcome().await;
                    return is_welcome.then(|| self.told(place, "beat", &json!({})).into());
                }
                step = self.follower.next() => {
                    let piece = self.piece(step?);
                    if !piece.is_empty() {
                        return Some(piece);
                    }
                }
            }
        }
    }

    /// What `first` and the steps that are there already mean for this listener; empty if nothing.
    fn piece(&mut self, first: Step) -> Bytes {
        let mut piece = BytesMut::new();
        let mut next = Some(first);
        for _ in 0..PIECE {
            let Some(step) = next.or_else(|| self.follower.try_next()) else {
                break;
            };
            self.add(&mut piece, &step);
            next = None;
        }
        piece.freeze()
    }

    fn add(&self, piece: &mut BytesMut, step: &Step) {
        if step.missed > 0 {
            self.state.metrics().missed(step.missed);
            let here = self.follower.place();
            let place = step.frame.as_ref().map_or(here, |frame| frame.seq() - 1);
            let told = self.told(place, "missed", &json!({ "count": step.missed }));
            piece.extend_from_slice(told.as_bytes());
        }
        if let Some(frame) = step.frame.as_ref().filter(|frame| self.wants(frame)) {
            piece.extend_from_slice(&frame.message());
        }
    }

    fn wants(&self, frame: &Frame) -> bool {
        self.types.is_empty() || self.types.contains(&frame.kind())
    }

    /// A message of the stream itself, with the place so far and the server's time.
    fn told(&self, place: u64, kind: &str, more: &serde_json::Value) -> String {
        let head = self.state.cx.system.bus().journal().head();
        let mut data = json!({ "at": self.state.cx.clock.now(), "head": head });
        if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
            data.extend(more.clone());
        }
        format!("id: {place}\nevent: {kind}\ndata: {data}\n\n")
    }
}
