//! One listener's place in the journal: what was missed comes from the storage, the rest from the hub, each event once.

use std::collections::VecDeque;
use std::sync::Arc;

use opspilot_core::error::chain;
use opspilot_core::journal::Journal;
use opspilot_core::module::System;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tracing::warn;

use super::hub::{Frame, Hub};

/// The most events that a listener who comes back is sent; with more, it is told to read again.
const CATCH_UP: u64 = 4_096;

/// How many of them are read at once.
const PAGE: usize = 64;

/// Goes through the journal event by event.
#[derive(Debug)]
pub(in crate::api) struct Follower {
    system: System,
    frames: Receiver<Arc<Frame>>,
    /// The number of the last event that was passed on, or told of as missed.
    last: u64,
    /// Up to which number events come from the storage.
    stored: u64,
    /// Events from the storage that were not passed on yet.
    page: VecDeque<Arc<Frame>>,
}

/// A step of a follower.
#[derive(Debug)]
pub(in crate::api) struct Step {
    /// How many events are left out before `frame`.
    pub(in crate::api) missed: u64,
    /// The next event; without one, the follower is at the end of what it missed.
    pub(in crate::api) frame: Option<Arc<Frame>>,
}

impl Follower {
    /// Follows everything from now on.
    pub(in crate::api) fn new(hub: &Hub, system: System) -> Self {
        // Invariant: it listens before it looks where the journal ends, so nothing falls between the two.
        let frames = hub.listen();
        let head = system.bus().journal().head();
        Self {
            system,
            frames,
            last: head,
            stored: head,
            page: VecDeque::new(),
        }
    }

    /// The number of the last event that was passed on.
    pub(in crate::api) const fn place(&self) -> u64 {
        self.last
    }

    /// Goes on behind the event `after`, as far as that is known and not too long ago. Otherwise it goes on with what
    /// happens now, and the number of events that are left out is returned: 0 where the journal is another one.
    pub(in crate::api) fn resume(&mut self, after: u64) -> Option<u64> {
        let head = self.journal().head();
        let missed = match after {
            after if after > head => Some(0),
            after if head - after > CATCH_UP => Some(head - after),
            _ => None,
        };
        self.page.clear();
        self.stored = head;
        self.last = if missed.is_some() { head } else { after };
        missed
    }

    /// The next step; `None` once the hub is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(in crate::api) async fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.take_read() {
                return Some(step);
            }
            if self.last < self.stored {
                self.page = self.read().await;
                if self.page.is_empty() {
                    return Some(self.give_up());
                }
                continue;
            }
            match self.frames.recv().await {
                Ok(frame) => {
                    if let Some(step) = self.pass(frame) {
                        return Some(step);
                    }
                }
                // The numbers of what follows tell how many were lost.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next step, if it is there already.
    pub(in crate::api) fn try_next(&mut self) -> Option<Step> {
        if let Some(step) = self.take_read() {
            return Some(step);
        }
        while self.last >= self.stored {
            match self.frames.try_recv() {
                Ok(frame) => {
                    if let Some(step) = self.pass(frame) {
                        return Some(step);
                    }
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
        None
    }

    fn journal(&self) -> &Journal {
        self.system.bus().journal()
    }

    fn take_read(&mut self) -> Option<Step> {
        while let Some(frame) = self.page.pop_front() {
            if let Some(step) = self.pass(frame) {
                return Some(step);
            }
        }
        None
    }

    async fn read(&self) -> VecDeque<Arc<Frame>> {
        match self.journal().read(self.last, PAGE).await {
            Ok(page) => page.into_iter().map(Frame::shared).collect(),
            Err(error) => {
                warn!(error = %chain(&error), "a listener cannot be sent what it missed");
                VecDeque::new()
            }
        }
    }

    /// Leaves out what the storage does not give.
    fn give_up(&mut self) -> Step {
        let missed = self.stored - self.last;
        self.last = self.stored;
        Step {
            missed,
            frame: None,
        }
    }

    /// Goes on to `frame`; `None` if it was passed on before.
    fn pass(&mut self, frame: Arc<Frame>) -> Option<Step> {
        let seq = frame.seq();
        let missed = seq.checked_sub(self.last + 1)?;
        self.last = seq;
        Some(Step {
            missed,
            frame: Some(frame),
        })
    }
}
