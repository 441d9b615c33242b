//! Work inside of the transaction that stores its events.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::publication::Publication;
use super::submission::{ErasedWork, Submission};
use super::tx::Tx;
use super::{Inner, PublishError};

/// Work inside of the transaction that stores its events.
///
/// The ledger runs one transaction at a time, so what the work reads does not change before its writes are stored. It
/// must decide whether it can be done before it writes: there is no undoing within the transaction.
#[async_trait]
pub trait Work: Send + 'static {
    /// What the work finds out.
    type Output: Send + 'static;

    /// Reads, writes and emits.
    async fn run(self, tx: &mut Tx) -> Self::Output;
}

/// Runs `work` in a transaction and returns what it found out once that is stored.
pub(super) async fn transact<W: Work>(
    bus: &Arc<Inner>,
    source: &str,
    work: W,
) -> Result<W::Output, PublishError> {
    let slot = Arc::new(Mutex::new(None));
    let running = Running {
        work: Some(work),
        slot: Arc::clone(&slot),
    };
    let (done, stored) = oneshot::channel();
    let submission = Submission {
        source: source.into(),
        publication: Publication::new(),
        work: Some(Box::new(running)),
        forget: None,
        done: Some(done),
        room: None,
    };
    bus.queue
        .send(submission)
        .await
        .map_err(|_| PublishError::Closed)?;
    stored.await.map_err(|_| PublishError::Closed)??;
    slot.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .ok_or(PublishError::Closed)
}

struct Running<W: Work> {
    work: Option<W>,
    slot: Arc<Mutex<Option<W::Output>>>,
}

#[async_trait]
impl<W: Work> ErasedWork for Running<W> {
    async fn run(&mut self, tx: &mut Tx) {
        if let Some(work) = self.work.take() {
            let output = work.run(tx).await;
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
        }
    }
}
