//! Reuse of batch buffers.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Keeps the buffers of finished batches for the next ones, so that steady traffic allocates nothing.
#[derive(Debug, Clone)]
pub struct BufferPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Mutex<Vec<Vec<u8>>>,
    keep: usize,
}

/// The way back of one buffer into its pool.
#[derive(Debug, Clone, Default)]
pub(super) struct Home(Weak<Shared>);

impl BufferPool {
    /// A pool that keeps at most `keep` idle buffers.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self(Arc::new(Shared {
            free: Mutex::new(Vec::with_capacity(keep)),
            keep,
        }))
    }

    /// An empty buffer with room for at least `capacity` bytes.
    #[must_use]
    pub fn take(&self, capacity: usize) -> Vec<u8> {
        let recycled = self
            .0
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut buffer = recycled.unwrap_or_default();
        buffer.reserve(capacity);
        buffer
    }

    pub(super) fn home(&self) -> Home {
        Home(Arc::downgrade(&self.0))
    }
}

impl Home {
    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        let mut free = shared.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < shared.keep {
            buffer.clear();
            free.push(buffer);
        }
    }
}
