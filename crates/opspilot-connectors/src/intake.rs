//! What connectors that are pushed to share: they answer only after everything is stored.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opspilot_core::module::{Context, RunError};
use opspilot_core::signal::{Ack, AckSink, LogBatch, LogSource, Outcome};
use opspilot_core::storage::{CollectionSpec, Record};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How far apart the positions of two runs are. A run sends less.
const RUN_BITS: u32 = 44;

/// How many KiB of bodies are in memory at once, while they arrive.
const BODIES_KIB: usize = 64 << 10;

/// How long work goes on after the module was told to stop.
const GRACE: Duration = Duration::from_secs(4);

/// Why a delivery was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// As many deliveries as allowed are under way.
    Full,
    /// It was not stored in time: a queue is full, or the storage does not work.
    Slow,
    /// It could not be stored, or the module stops.
    Failed,
}

impl Unavailable {
    /// What to tell the sender.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::Full => "as many deliveries as allowed are under way; send this one again later",
            Self::Slow => "it was not stored in time; send it again later",
            Self::Failed => "it could not be stored; send it again later",
        }
    }

    /// The label value in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Slow => "slow",
            Self::Failed => "failed",
        }
    }
}

/// Takes deliveries in bounded number, and lets each go on when its sender stops waiting.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    cx: Context,
    places: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    patience: Duration,
}

impl Desk {
    /// A desk for `places` deliveries at a time, whose senders wait for `patience`.
    pub(crate) fn new(cx: &Context, places: usize, patience: Duration) -> Self {
        Self {
            cx: cx.clone(),
            places: Arc::new(Semaphore::new(places)),
            bodies: Arc::new(Semaphore::new(BODIES_KIB)),
            patience,
        }
    }

    /// Room for a body of up to `bytes`, until the permit is dropped.
    pub(crate) fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Unavailable> {
        let kib = u32::try_from(bytes.div_ceil(1 << 10).clamp(1, BODIES_KIB)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.bodies).try_acquire_many_owned(kib);
        room.map_err(|_| Unavailable::Full)
    }

    /// Does `work`, and returns what came of it if that is known in time. It goes on otherwise.
    pub(crate) async fn carry<T, F>(&self, work: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Unavailable>> + Send + 'static,
    {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Unavailable::Full)?;
        let (done, outcome) = oneshot::channel();
        let cancel = self.cx.cancel.clone();
        self.cx.tasks.spawn("delivery", async move {
            let too_late = async {
                cancel.cancelled().await;
                tokio::time::sleep(GRACE).await;
            };
            tokio::select! {
                result = work => drop(done.send(result)),
                () = too_late => {}
            }
            drop(place);
        });
        match tokio::time::timeout(self.patience, outcome).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Unavailable::Failed),
            Err(_) => Err(Unavailable::Slow),
        }
    }
}

/// An acknowledgement, and how it ended.
pub(crate) fn settlement() -> (Ack, oneshot::Receiver<Outcome>) {
    #[derive(Debug)]
    struct Waiting(Mutex<Option<oneshot::Sender<Outcome>>>);

    impl AckSink for Waiting {
        fn settled(&self, _: u64, outcome: Outcome) {
            let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Whoever waited may have gone.
            waiting.map(|waiting| waiting.send(outcome).ok());
        }
    }

    let (sender, receiver) = oneshot::channel();
    let sink = Arc::new(Waiting(Mutex::new(Some(sender))));
    (Ack::new(sink, 0), receiver)
}

/// Waits until an acknowledgement is settled.
pub(crate) async fn stored(settled: oneshot::Receiver<Outcome>) -> Result<(), Unavailable> {
    match settled.await {
        Ok(Outcome::Stored) => Ok(()),
        Ok(Outcome::Failed) | Err(_) => Err(Unavailable::Failed),
    }
}

/// A stream whose positions are never used twice, also after a crash.
#[derive(Debug)]
pub(crate) struct PushedStream {
    name: Arc<str>,
    position: u64,
    line: u64,
}

/// How often the stream was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Runs {
    stream: String,
    count: u64,
}

impl Record for Runs {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "runs",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.stream.clone()
    }
}

impl PushedStream {
    /// Opens the stream called `name`.
    pub(crate) async fn open(cx: &Context, name: &str) -> Result<Self, RunError> {
        let runs = cx.store.collection::<Runs>().await?;
        let last = runs.get(name).await?.map_or(0, |(runs, _)| runs.count);
        let stream = name.to_owned();
        let count = last + 1;
        runs.save(&Runs { stream, count }).await?;
        Ok(Self {
            name: name.into(),
            position: count << RUN_BITS,
            line: 0,
        })
    }

    /// The source called `name` in this stream.
    pub(crate) fn source(&self, cx: &Context, name: Arc<str>) -> Arc<LogSource> {
        Arc::new(LogSource {
            module: cx.id.into(),
            name,
            stream: Arc::clone(&self.name),
            attributes: serde_json::Map::from_iter([("collector".to_owned(), cx.id.into())]),
        })
    }

    /// Makes and sends a batch; `make` gets its position and first line number, and gives its end and lines.
    pub(crate) async fn send(&mut self, cx: &Context, make: impl FnOnce((u64, u64)) -> LogBatch) {
        let batch = make((self.position, self.line + 1));
        self.position = self.position.max(batch.end());
        self.line += batch.len() as u64;
        cx.bus.send_logs(batch).await;
    }
}

#[cfg(test)]
mod tests {
    use opspilot_core::module::{Category, Manifest};
    use opspilot_core::testing::Bench;

    use super::*;

    static MANIFEST: Manifest = Manifest::new("connector.test", Category::Connector, "");

    #[tokio::test]
    async fn places_and_room_are_bounded_and_given_back() {
        let cx = Bench::new().await.context(&MANIFEST);
        let desk = Desk::new(&cx, 1, Duration::from_millis(20));
        let (finish, finished) = oneshot::channel::<()>();
        let work = async move {
            finished.await.ok();
            Ok(())
        };
        assert_eq!(desk.carry(work).await, Err(Unavailable::Slow));
        assert_eq!(desk.carry(async { Ok(()) }).await, Err(Unavailable::Full));
        finish.send(()).unwrap();
        while desk.places.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(desk.carry(async { Ok(1) }).await, Ok(1));
        let room = desk.room(BODIES_KIB << 10).unwrap();
        assert_eq!(desk.room(1).unwrap_err(), Unavailable::Full);
        drop(room);
        assert!(desk.room(1).is_ok());
    }

    #[tokio::test]
    async fn a_settlement_tells_of_the_last_holder() {
        let (ack, settled) = settlement();
        let other = ack.clone();
        drop(ack);
        other.fail();
        drop(other);
        assert_eq!(stored(settled).await, Err(Unavailable::Failed));
        let (ack, settled) = settlement();
        drop(ack);
        assert_eq!(stored(settled).await, Ok(()));
    }

    #[tokio::test]
    async fn positions_of_a_later_run_are_higher() {
        let cx = Bench::new().await.context(&MANIFEST);
        let first = PushedStream::open(&cx, "a").await.unwrap().position;
        let second = PushedStream::open(&cx, "a").await.unwrap().position;
        assert!(second > first && PushedStream::open(&cx, "b").await.unwrap().position == first);
    }
}
