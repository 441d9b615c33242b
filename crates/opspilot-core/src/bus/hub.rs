//! Handing batches of the signal plane to everyone who wants them.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::metrics::Gauge;
use crate::signal::LogBatch;

/// How many batches wait for one subscriber. When it is full, senders wait. Few, so that their buffers stay in the
/// processor's cache and are soon free for the next ones.
const QUEUE: usize = 4;

/// The subscribers of log batches.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<Arc<[Subscriber]>>);

#[derive(Debug, Clone)]
struct Subscriber {
    sender: mpsc::Sender<LogBatch>,
    depth: Gauge,
}

/// A subscription to log batches.
///
/// Dropping it fails the acknowledgements of the batches that still wait in it, so their source reads them again.
#[derive(Debug)]
pub struct LogReceiver {
    receiver: mpsc::Receiver<LogBatch>,
    depth: Gauge,
}

impl Hub {
    pub(super) fn subscribe(&self, depth: Gauge) -> LogReceiver {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut subscribers = self.lock();
        let added = Subscriber {
            sender,
            depth: depth.clone(),
        };
        let open = subscribers
            .iter()
            .filter(|subscriber| !subscriber.sender.is_closed())
            .cloned();
        *subscribers = open.chain([added]).collect();
        LogReceiver { receiver, depth }
    }

    /// Gives `batch` to every subscriber, waiting for those whose queue is full.
    ///
    /// A subscriber that ended is passed over, unless it is the only one left: then the batch has nobody to look at it,
    /// and its acknowledgement is failed so that it is read again later.
    pub(super) async fn send(&self, batch: LogBatch) {
        let subscribers = Arc::clone(&self.lock());
        for subscriber in &*subscribers {
            match subscriber.sender.reserve().await {
                // Nothing is awaited between counting and sending, so a sender that is dropped leaves no trace.
                Ok(place) => {
                    subscriber.depth.inc();
                    place.send(batch.clone());
                }
                Err(_) => batch.ack().fail(),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<[Subscriber]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogReceiver {
    /// The next batch; `None` once the bus is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<LogBatch> {
        let batch = self.receiver.recv().await?;
        self.depth.dec();
        Some(batch)
    }

    /// The next batch if one waits.
    pub fn try_recv(&mut self) -> Option<LogBatch> {
        let batch = self.receiver.try_recv().ok()?;
        self.depth.dec();
        Some(batch)
    }
}

impl Drop for LogReceiver {
    fn drop(&mut self) {
        self.receiver.close();
        while let Some(batch) = self.try_recv() {
            batch.ack().fail();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use futures_util::poll;

    use super::*;
    use crate::clock::Timestamp;
    use crate::signal::{Ack, Attributes, LogBatchBuilder, LogSource};

    fn batch() -> LogBatch {
        let source = LogSource {
            module: "connector.test".into(),
            name: "a".into(),
            stream: "a".into(),
            attributes: Attributes::default(),
        };
        LogBatchBuilder::new(source.into(), Vec::new(), (0, 1), Timestamp::UNIX_EPOCH)
            .build(0, Ack::ignored())
    }

    #[tokio::test]
    async fn a_sender_that_gives_up_waiting_leaves_the_depth_as_it_is() {
        let (hub, depth) = (Hub::default(), Gauge::default());
        let mut receiver = hub.subscribe(depth.clone());
        for _ in 0..QUEUE {
            hub.send(batch()).await;
        }
        {
            let waiting = pin!(hub.send(batch()));
            assert_eq!(poll!(waiting), Poll::Pending);
        }
        assert_eq!(usize::try_from(depth.get()), Ok(QUEUE));
        while receiver.try_recv().is_some() {}
        assert_eq!(depth.get(), 0);
        drop(receiver);
        hub.send(batch()).await;
        assert_eq!(depth.get(), 0, "nobody is there to take it");
    }
}
