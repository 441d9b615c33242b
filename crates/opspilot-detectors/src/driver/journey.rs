//! The loop of a running detector.

mod saving;

use std::collections::BTreeMap;
use std::time::Duration;

use opspilot_core::bus::{LogReceiver, Publication};
use opspilot_core::clock::Timestamp;
use opspilot_core::incident::IncidentError;
use opspilot_core::module::{Context, RunError};
use opspilot_core::signal::{Ack, LogBatch};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::counting::Counting;
use super::effort::Effort;
use super::meters::Meters;
use super::settling::Settling;
use super::snapshot::{self, Snapshot, Snapshots};
use super::streams::{Parts, Streams};
use crate::detector::{Detector, Finding};

/// How often the state is stored, if it changed.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);

/// How often the figures in the health are renewed, if they changed.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// How long a stop waits for the last findings to be stored.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far a clock may step back without time running backwards for the detector.
const TOLERATED_STEP: Duration = Duration::from_secs(5);

/// A detector at work.
#[derive(Debug)]
pub(super) struct Journey<D> {
    /// Absent after a panic in it.
    detector: Option<Box<D>>,
    logs: LogReceiver,
    streams: Streams,
    settling: Settling,
    snapshots: Snapshots,
    meters: Meters,
    effort: Effort,
    counting: Counting,
    findings: Vec<Finding>,
    now: Timestamp,
    /// Since when the stored state, and the shown figures, are behind.
    unsaved: Option<Instant>,
    unreported: Option<Instant>,
    /// A snapshot, and the publications that must be stored before it.
    pending: Option<(Snapshot, u64)>,
}

/// Fails an acknowledgement unless the work is done, also when it panics or is cancelled.
struct FailUnlessDone(Option<Ack>);

impl Drop for FailUnlessDone {
    fn drop(&mut self) {
        self.0.iter().for_each(Ack::fail);
    }
}

impl<D: Detector + 'static> Journey<D> {
    /// Subscribes and continues from the stored state.
    pub(super) async fn start(mut detector: Box<D>, cx: &Context) -> Result<Self, RunError> {
        let logs = cx.bus.logs();
        let (snapshots, stored) = snapshot::open(cx).await?;
        let mut streams = Streams::default();
        if let Some(Snapshot {
            detector: state,
            streams: known,
            ..
        }) = stored
        {
            match detector.restore(state) {
                Ok(()) => streams = Streams::restored(known),
                Err(error) => {
                    tracing::warn!(module = cx.id, error = %error, "the stored state is left behind");
                }
            }
        }
        let journey = Self {
            detector: Some(detector),
            logs,
            streams,
            settling: Settling::new(),
            snapshots,
            meters: Meters::of(cx),
            effort: Effort::default(),
            counting: Counting::of(cx),
            findings: Vec::new(),
            now: cx.clock.now(),
            unsaved: None,
            unreported: None,
            pending: None,
        };
        journey.report(cx);
        Ok(journey)
    }

    /// Works until the module is cancelled.
    pub(super) async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        loop {
            let (wake, changed) = (self.wake(cx), self.settling.changed());
            let is_waiting = self.pending.is_some();
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Ok(()),
                batch = self.logs.recv() => match batch {
                    Some(batch) => self.look_at(cx, batch).await?,
                    None => return Ok(()),
                },
                () = changed, if is_waiting => {}
                () = sleep(wake.unwrap_or_default()), if wake.is_some() => {}
            }
            self.chores(cx).await?;
        }
    }

    /// Looks at what still waits and stores the state.
    pub(super) async fn finish(&mut self, cx: &Context) -> Result<(), RunError> {
        if self.detector.is_none() {
            return Ok(());
        }
        while let Some(batch) = self.logs.try_recv() {
            self.look_at(cx, batch).await?;
        }
        self.report(cx);
        self.take_snapshot();
        let newest = self.settling.submitted();
        let stored = async {
            while !self.settling.is_stored(newest) {
                if self.settling.take_failure() {
                    // The lines are read again: a state that contains them must not be kept.
                    self.pending = None;
                    return;
                }
                self.settling.changed().await;
            }
        };
        if timeout(PATIENCE, stored).await.is_err() {
            tracing::warn!(
                module = cx.id,
                "the last findings are not stored yet: the newest state is not kept"
            );
        }
        self.store_snapshot(cx).await;
        Ok(())
    }

    /// How long until something has to be done, if no batch comes.
    fn wake(&self, cx: &Context) -> Option<Duration> {
        let tick = self
            .detector
            .as_ref()
            .and_then(|detector| detector.next_tick());
        let tick = tick.map(|at| at.since(cx.clock.now()));
        let due =
            |since: Option<Instant>, every| since.map(|since| every - since.elapsed().min(every));
        let saving = due(self.unsaved, SNAPSHOT_EVERY).filter(|_| self.pending.is_none());
        [tick, saving, due(self.unreported, REPORT_EVERY)]
            .into_iter()
            .flatten()
            .min()
    }

    async fn look_at(&mut self, cx: &Context, batch: LogBatch) -> Result<(), RunError> {
        let mut guard = FailUnlessDone(Some(batch.ack()));
        let Parts { again, fresh } = self.streams.take(&cx.bus, batch).await?;
        if let Some(batch) = again {
            self.observe(cx, batch).await?;
            self.forget_unreal(cx).await?;
        }
        if let Some(batch) = fresh {
            self.meters.lines(batch.len());
            self.observe(cx, batch.clone()).await?;
            self.publish(cx, Some(&batch)).await?;
        }
        self.unsaved.get_or_insert_with(Instant::now);
        self.unreported.get_or_insert_with(Instant::now);
        guard.0 = None;
        Ok(())
    }

    /// Drops findings of lines that are read again, and makes the detector forget incidents among them that do not exist.
    ///
    /// The first time, the state or the time was another, so such a line may have been counted on an earlier incident.
    /// What is found next would otherwise be counted on an incident that nobody ever stored, and be lost.
    async fn forget_unreal(&mut self, cx: &Context) -> Result<(), RunError> {
        // A detector counts on the newest incident of a rule only.
        let mut newest = BTreeMap::new();
        for finding in self.findings.drain(..) {
            if let Finding::Created { event, .. } = finding {
                let rule = event.context.get("ruleId").and_then(Value::as_str);
                newest.insert(rule.map(str::to_owned), event.incident_id);
            }
        }
        for incident in newest.into_values() {
            match (cx.incidents.get(&incident).await, &mut self.detector) {
                (Err(IncidentError::NotFound(_)), Some(detector)) => detector.forget(&incident),
                (Ok(_) | Err(IncidentError::NotFound(_)), _) => {}
                (Err(error), _) => return Err(RunError::new("incidents cannot be read", error)),
            }
        }
        Ok(())
    }

    /// Gives a batch to the detector.
    async fn observe(&mut self, cx: &Context, batch: LogBatch) -> Result<(), RunError> {
        let now = self.advance(cx);
        let mut detector = self
            .detector
            .take()
            .ok_or_else(|| RunError::message("the detector panicked"))?;
        let mut findings = std::mem::take(&mut self.findings);
        let bytes = batch.buffer().len();
        let work = move || {
            let started = std::time::Instant::now();
            detector.observe(now, &batch, &mut findings);
            (detector, findings, started.elapsed())
        };
        let (detector, findings, took) = if self.effort.is_short(bytes) {
            work()
        } else {
            cx.tasks.blocking(work).await?
        };
        self.effort.learn(bytes, took);
        (self.detector, self.findings) = (Some(detector), findings);
        Ok(())
    }

    /// Publishes the findings, as one.
    async fn publish(&mut self, cx: &Context, batch: Option<&LogBatch>) -> Result<(), RunError> {
        if self.findings.is_empty() {
            return Ok(());
        }
        let ack = self
            .settling
            .follow(batch.map_or_else(Ack::ignored, LogBatch::ack));
        let mut publication = Publication::new().ack(ack);
        if let Some(batch) = batch {
            publication = publication.from_stream(&batch.source().stream, batch.end());
        }
        for finding in self.findings.drain(..) {
            self.meters.finding(&finding);
            self.counting.finding(&finding);
            match finding {
                Finding::Created { position, event } => publication.push(Some(position), event),
                Finding::Repeated {
                    position, event, ..
                } => publication.push(Some(position), event),
                Finding::Cleared { position, event } => publication.push(position, event),
            }
        }
        Ok(cx.bus.submit(publication).await?)
    }

    /// What is due between batches.
    async fn chores(&mut self, cx: &Context) -> Result<(), RunError> {
        self.tick(cx).await?;
        let is_due =
            |since: Option<Instant>, every| since.is_some_and(|since| since.elapsed() >= every);
        if is_due(self.unreported, REPORT_EVERY) {
            self.report(cx);
            self.unreported = None;
        }
        if is_due(self.unsaved, SNAPSHOT_EVERY) && self.pending.is_none() {
            self.take_snapshot();
        }
        if self.pending.is_some() {
            self.store_snapshot(cx).await;
        }
        Ok(())
    }

    async fn tick(&mut self, cx: &Context) -> Result<(), RunError> {
        let now = self.advance(cx);
        let Some(detector) = &mut self.detector else {
            return Ok(());
        };
        if detector.next_tick().is_some_and(|at| at <= now) {
            detector.tick(now, &mut self.findings);
            self.unsaved.get_or_insert_with(Instant::now);
            self.publish(cx, None).await?;
        }
        Ok(())
    }

    /// The time of day, which does not run backwards when a clock is corrected by a little.
    fn advance(&mut self, cx: &Context) -> Timestamp {
        let now = cx.clock.now();
        if now >= self.now || self.now.since(now) > TOLERATED_STEP {
            self.now = now;
        }
        self.now
    }

    fn report(&self, cx: &Context) {
        for (name, value) in self.detector.iter().flat_map(|detector| detector.figures()) {
            cx.health.detail(name, value);
        }
    }
}
