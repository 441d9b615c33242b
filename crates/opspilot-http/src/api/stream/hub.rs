//! The hub: follows the journal once for all who listen, and puts each event into the form of the wire once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use opspilot_core::error::chain;
use opspilot_core::event::Envelope;
use opspilot_core::journal::Journal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::super::socket::{self, Facts};

/// How many events a listener may be behind the newest one before it misses some.
const QUEUE: usize = 1_024;

/// How many events are read at once.
const PAGE: usize = 256;

/// The most listeners: half of the connections, so that others are answered too.
const SEATS: usize = 256;

/// Hands each event of the journal to everybody who listens; cloning it clones a handle.
///
/// A listener that does not keep up loses events and learns it from their numbers, which have no gaps.
#[derive(Debug, Clone)]
pub(in crate::api) struct Hub {
    sender: broadcast::Sender<Arc<Frame>>,
    seats: Arc<Semaphore>,
}

/// An event with its forms on the wire, each made when somebody first wants it and then shared.
#[derive(Debug)]
pub(in crate::api) struct Frame {
    envelope: Arc<Envelope>,
    message: OnceLock<Bytes>,
    socket: OnceLock<Option<Bytes>>,
    facts: OnceLock<Facts>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(QUEUE),
            seats: Arc::new(Semaphore::new(SEATS)),
        }
    }
}

impl Hub {
    /// A place to listen from; `None` while all are taken.
    pub(in crate::api) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.seats).try_acquire_owned().ok()
    }

    /// Everything that is stored from now on.
    pub(in crate::api) fn listen(&self) -> broadcast::Receiver<Arc<Frame>> {
        self.sender.subscribe()
    }

    /// Hands out what is stored until `cancel`.
    pub(in crate::api) async fn run(&self, journal: &Journal, cancel: &CancellationToken) {
        let mut heads = journal.watch();
        let mut seen = *heads.borrow_and_update();
        while let Some(Ok(())) = cancel.run_until_cancelled(heads.changed()).await {
            let head = *heads.borrow_and_update();
            // Whoever comes later begins with what the journal holds up to here.
            if self.sender.receiver_count() > 0 {
                self.hand_out(journal, seen, head).await;
            }
            seen = head;
        }
    }

    async fn hand_out(&self, journal: &Journal, mut seen: u64, head: u64) {
        while seen < head {
            let page = match journal.read(seen, PAGE).await {
                Ok(page) if page.is_empty() => return,
                Ok(page) => page,
                Err(error) => {
                    warn!(error = %chain(&error), "events cannot be handed to listeners");
                    return;
                }
            };
            for envelope in page {
                seen = envelope.seq;
                // Without a listener there is nothing to do.
                self.sender.send(Frame::shared(envelope)).ok();
            }
        }
    }
}

impl Frame {
    /// The frame of an event.
    pub(in crate::api) fn shared(envelope: Arc<Envelope>) -> Arc<Self> {
        Arc::new(Self {
            envelope,
            message: OnceLock::new(),
            socket: OnceLock::new(),
            facts: OnceLock::new(),
        })
    }

    /// Its place in the journal.
    pub(in crate::api) fn seq(&self) -> u64 {
        self.envelope.seq
    }

    /// Its wire type.
    pub(in crate::api) fn kind(&self) -> &str {
        self.envelope.kind()
    }

    /// The event as a message of a stream. Its JSON has no line breaks: those in texts are escaped.
    pub(in crate::api) fn message(&self) -> Bytes {
        let message = self.message.get_or_init(|| {
            let Envelope { seq, .. } = *self.envelope;
            let (kind, json) = (self.envelope.kind(), self.envelope.json());
            format!("id: {seq}\nevent: {kind}\ndata: {json}\n\n").into()
        });
        message.clone()
    }

    /// The event as a whole frame of a WebSocket; `None` if it is damaged.
    pub(in crate::api) fn socket(&self) -> Option<Bytes> {
        let socket = self.socket.get_or_init(|| {
            let text = socket::event(&self.envelope).inspect_err(|damage| {
                warn!(seq = self.seq(), error = %chain(damage), "an event cannot be sent to listeners");
            });
            text.ok().map(socket::frame)
        });
        socket.clone()
    }

    /// What filters ask of the event.
    pub(in crate::api) fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| Facts::of(&self.envelope))
    }
}
