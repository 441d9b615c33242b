//! What the ledger is asked to do.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::PublishError;
use super::publication::Publication;
use super::tx::Tx;
use crate::signal::Ack;

/// A request to the ledger. Dropping it unfinished fails its acknowledgement.
pub(super) struct Submission {
    pub(super) source: Arc<str>,
    pub(super) publication: Publication,
    pub(super) work: Option<Box<dyn ErasedWork>>,
    pub(super) forget: Option<Arc<str>>,
    pub(super) done: Option<oneshot::Sender<Result<(), PublishError>>>,
    /// The place of its events among those that wait.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Work inside of a transaction, see [`super::Work`].
#[async_trait]
pub(super) trait ErasedWork: Send {
    async fn run(&mut self, tx: &mut Tx);
}

impl Submission {
    pub(super) fn finish(mut self, result: Result<(), PublishError>) {
        let ack: Option<Ack> = self.publication.ack.take();
        if let (Some(ack), Err(_)) = (&ack, &result) {
            ack.fail();
        }
        drop(ack);
        if let Some(done) = self.done.take() {
            // A publisher that stopped waiting does not want to know.
            done.send(result).ok();
        }
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if let Some(ack) = &self.publication.ack {
            ack.fail();
        }
    }
}
