//! What HTTP/2 needs besides: owned tasks, and an end for connections that ask nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::sync::Notify;
use tokio_util::task::task_tracker::TaskTracker;

use super::Limits;

/// Runs the tasks of one connection's streams. hyper ends them with their connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Owned(TaskTracker);

impl<F> Executor<F> for Owned
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        drop(self.0.spawn(stream));
    }
}

/// Counts the open requests of a connection, to tell when it is unused.
#[derive(Debug, Clone)]
pub(super) struct Idle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    first: Duration,
    between: Duration,
    open: AtomicUsize,
    changed: Notify,
}

/// One open request.
#[derive(Debug)]
pub(super) struct Open(Idle);

impl Idle {
    /// A connection that asked nothing yet.
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            first: limits.header,
            between: limits.idle,
            open: AtomicUsize::new(0),
            changed: Notify::new(),
        }))
    }

    /// Counts a request until the value is dropped.
    pub(super) fn open(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::AcqRel);
        self.0.changed.notify_one();
        Open(self.clone())
    }

    /// Returns when no first request came in time, or none for too long after the last.
    pub(super) async fn unused(&self) {
        let mut patience = self.0.first;
        loop {
            let changed = self.0.changed.notified();
            if tokio::time::timeout(patience, changed).await.is_ok() {
                patience = self.0.between;
            } else if self.0.open.load(Ordering::Acquire) == 0 {
                return;
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::AcqRel);
        self.0.0.changed.notify_one();
    }
}
