//! End-to-end acknowledgement.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Learns how the work that a batch led to ended.
pub trait AckSink: Send + Sync + 'static {
    /// Called once, when the last holder of the acknowledgement `token` let go of it. Must not block.
    fn settled(&self, token: u64, outcome: Outcome);
}

/// How the work that a batch led to ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything derived from the batch is stored.
    Stored,
    /// Something derived from it could not be stored: it must be read again.
    Failed,
}

/// A share in a batch's acknowledgement.
///
/// It is cloned along with everything derived from the batch. Dropping the last clone settles the batch: stored,
/// unless a holder called [`Ack::fail`].
#[derive(Clone)]
pub struct Ack(Option<Arc<Shared>>);

struct Shared {
    sink: Arc<dyn AckSink>,
    token: u64,
    failed: AtomicBool,
}

impl Ack {
    /// An acknowledgement that tells `sink` of `token` when it is settled.
    #[must_use]
    pub fn new(sink: Arc<dyn AckSink>, token: u64) -> Self {
        Self(Some(Arc::new(Shared {
            sink,
            token,
            failed: AtomicBool::new(false),
        })))
    }

    /// An acknowledgement that nobody waits for: lossy sources, tests, replay.
    #[must_use]
    pub const fn ignored() -> Self {
        Self(None)
    }

    /// Says that something derived from the batch was not stored.
    pub fn fail(&self) {
        if let Some(shared) = &self.0 {
            shared.failed.store(true, Ordering::Release);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let outcome = if self.failed.load(Ordering::Acquire) {
            Outcome::Failed
        } else {
            Outcome::Stored
        };
        self.sink.settled(self.token, outcome);
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ack")
            .field(&self.0.as_ref().map(|shared| shared.token))
            .finish()
    }
}
