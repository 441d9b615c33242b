//! Runs the tailer: wakes it, stores what it says, sends what it read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opspilot_core::module::{Context, HealthStatus, RunError};
use opspilot_core::signal::LogBatch;
use opspilot_core::storage::StorageError;
use tokio::sync::{Notify, oneshot};

use super::eyes::Eyes;
use super::meters::Meters;
use super::position::{Position, Positions};
use super::stream::Moment;
use super::tailer::{News, Tailer, Turn};

/// How far apart positions are stored at most, in time …
const STORE_EVERY: Duration = Duration::from_millis(200);

/// … and in bytes of one stream.
const STORE_BYTES: u64 = 1 << 20;

/// How often everything is looked at although nothing was noticed.
const SAFETY_SCAN: Duration = Duration::from_mins(1);

/// How long the last positions may take when the module stops.
const LAST_POSITIONS: Duration = Duration::from_secs(2);

/// The pause after a failed store, doubled up to the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Runs the tailer until it is cancelled.
#[derive(Debug)]
pub(super) struct Driver {
    /// The module's context.
    pub(super) cx: Context,
    /// The part that blocks; elsewhere while it works.
    pub(super) eyes: Option<Eyes>,
    /// The first turn, once it was taken.
    pub(super) first: Option<Turn>,
    /// Where positions are stored.
    pub(super) positions: Positions,
    /// Told of changed files.
    pub(super) changed: Arc<Notify>,
    /// Told of settled batches.
    pub(super) settled: Arc<Notify>,
    /// How often to look where nothing is noticed.
    pub(super) poll_interval: Duration,
    /// What is counted.
    pub(super) meters: Meters,
    /// A store that is under way.
    pub(super) storing: Option<oneshot::Receiver<Result<Vec<Position>, StorageError>>>,
    /// When positions were last stored.
    pub(super) stored_at: Instant,
    /// When everything was last looked at.
    pub(super) looked_at: Option<Instant>,
}

impl Driver {
    /// Looks for the first time: what is written after this is new, and none of it is missed.
    pub(super) async fn begin(&mut self) -> Result<(), RunError> {
        self.first = Some(self.turn().await?);
        Ok(())
    }

    /// Reads until the context is cancelled, then stores what can be stored.
    pub(super) async fn run(mut self) -> Result<(), RunError> {
        while !self.cx.cancel.is_cancelled() {
            let turn = match self.first.take() {
                Some(first) => first,
                None => self.turn().await?,
            };
            self.store_news(&turn.news).await;
            self.send(turn.batches).await;
            self.store_positions();
            if !turn.again {
                self.wait(turn.blocked, turn.wakes_at).await;
            }
        }
        self.finish().await;
        Ok(())
    }

    fn now(&self) -> Moment {
        Moment {
            monotonic: tokio::time::Instant::now().into_std(),
            wall: self.cx.clock.now(),
        }
    }

    fn tailer(&mut self) -> Option<&mut Tailer> {
        self.eyes.as_mut().map(|eyes| &mut eyes.tailer)
    }

    async fn turn(&mut self) -> Result<Turn, RunError> {
        let now = self.now();
        let everything = self.next_look().is_none_or(|at| at <= now.monotonic);
        if everything {
            self.looked_at = Some(now.monotonic);
        }
        let Some(mut eyes) = self.eyes.take() else {
            return Err(RunError::message("the reader was lost"));
        };
        let work = move || {
            let turn = eyes.turn(everything, now);
            (eyes, turn)
        };
        let (eyes, turn) = self.cx.tasks.blocking(work).await?;
        self.meters.count(eyes.tailer.totals());
        if turn.scanned {
            self.meters.report(&self.cx, &eyes);
        }
        self.eyes = Some(eyes);
        Ok(turn)
    }

    /// When everything must be looked at; `None` means now.
    fn next_look(&self) -> Option<Instant> {
        let polls = self.eyes.as_ref().is_some_and(|eyes| eyes.watch.polls());
        let pause = if polls {
            self.poll_interval
        } else {
            SAFETY_SCAN
        };
        Some(self.looked_at? + pause)
    }

    /// Stores news before anything is sent, however long it takes; gives up only when cancelled. Then the batches are
    /// dropped, and read again by the next run.
    async fn store_news(&mut self, news: &News) {
        if news.is_empty() {
            return;
        }
        // One after the other: an older position must not overwrite a newer one.
        self.await_storing().await;
        let mut pause = RETRY.0;
        while let Err(error) = self.positions.apply(news).await {
            self.trouble(HealthStatus::Unhealthy, "reading waits: ", &error);
            tokio::select! {
                () = self.cx.cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(RETRY.1);
        }
        self.cx.health.clear("store");
        if let Some(tailer) = self.tailer() {
            tailer.set_stored(news.positions.clone());
        }
        for stream in &news.forgotten {
            if self
                .cx
                .bus
                .forget_stream(&Arc::from(stream.as_str()))
                .await
                .is_err()
            {
                return;
            }
        }
    }

    async fn send(&self, batches: Vec<LogBatch>) {
        for batch in batches {
            // Letting go of a batch says that it is stored, so one that was not sent to all has to fail: it is read again.
            let ack = batch.ack();
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => ack.fail(),
                () = self.cx.bus.send_logs(batch) => {}
            }
        }
    }

    /// Starts to store the positions that moved, if it is time.
    fn store_positions(&mut self) {
        if let Some(storing) = &mut self.storing {
            match storing.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => return,
                outcome => self.stored(outcome.ok()),
            }
        }
        let now = self.now().monotonic;
        let is_due = now >= self.stored_at + STORE_EVERY;
        let Some(tailer) = self.tailer().filter(|tailer| tailer.has_unstored()) else {
            return;
        };
        if !is_due && tailer.unstored_bytes() < STORE_BYTES {
            return;
        }
        let positions = tailer.moved_positions();
        self.stored_at = now;
        if let Some(eyes) = &self.eyes {
            self.meters.report(&self.cx, eyes);
        }
        if positions.is_empty() {
            self.stored(Some(Ok(positions)));
            return;
        }
        let (done, storing) = oneshot::channel();
        self.storing = Some(storing);
        let store = self.positions.clone();
        self.cx.tasks.spawn("positions", async move {
            let news = News {
                positions,
                ..News::default()
            };
            let outcome = store.apply(&news).await;
            // Nobody waits for it when the module has stopped.
            drop(done.send(outcome.map(|()| news.positions)));
        });
    }

    fn stored(&mut self, outcome: Option<Result<Vec<Position>, StorageError>>) {
        self.storing = None;
        match outcome {
            Some(Ok(positions)) => {
                self.cx.health.clear("store");
                if let Some(tailer) = self.tailer() {
                    tailer.set_stored(positions);
                }
            }
            Some(Err(error)) => self.trouble(HealthStatus::Degraded, "", &error),
            None => {}
        }
    }

    fn trouble(&self, status: HealthStatus, effect: &str, error: &StorageError) {
        let message = format!(
            "{effect}cannot store positions: {}",
            opspilot_core::error::chain(error)
        );
        self.cx.health.raise("store", status, message);
    }

    async fn await_storing(&mut self) {
        if let Some(storing) = self.storing.take() {
            let outcome = storing.await.ok();
            self.stored(outcome);
        }
    }

    /// Waits for a reason to take another turn.
    async fn wait(&mut self, is_blocked: bool, wakes_at: Option<Instant>) {
        let store_at = (self.storing.is_none()
            && self
                .eyes
                .as_ref()
                .is_some_and(|eyes| eyes.tailer.has_unstored()))
        .then(|| self.stored_at + STORE_EVERY);
        let until = [wakes_at, store_at, self.next_look()]
            .into_iter()
            .flatten()
            .min();
        let until = until.map_or_else(tokio::time::Instant::now, tokio::time::Instant::from_std);
        let mut storing = self.storing.take();
        let is_storing = storing.is_some();
        let stored = async {
            match &mut storing {
                Some(storing) => storing.await.ok(),
                None => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            biased;
            () = self.cx.cancel.cancelled() => None,
            () = self.changed.notified() => None,
            () = self.settled.notified(), if is_blocked => None,
            outcome = stored, if is_storing => Some(outcome),
            () = tokio::time::sleep_until(until) => None,
        };
        match outcome {
            Some(outcome) => self.stored(outcome),
            None => self.storing = storing,
        }
    }

    /// Stores what settles within a short time.
    async fn finish(&mut self) {
        let deadline = tokio::time::Instant::now() + LAST_POSITIONS;
        loop {
            if tokio::time::timeout_at(deadline, self.await_storing())
                .await
                .is_err()
            {
                return;
            }
            let Some(tailer) = self.tailer().filter(|tailer| tailer.has_unstored()) else {
                return;
            };
            let news = News {
                positions: tailer.moved_positions(),
                ..News::default()
            };
            let outcome = if news.positions.is_empty() {
                Ok(Ok(()))
            } else {
                tokio::time::timeout_at(deadline, self.positions.apply(&news)).await
            };
            let Ok(outcome) = outcome else { return };
            self.stored(Some(outcome.map(|()| news.positions)));
            if tokio::time::timeout_at(deadline, self.settled.notified())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}
