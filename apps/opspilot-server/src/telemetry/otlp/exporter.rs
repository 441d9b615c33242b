//! When what is sent: every interval, sooner when much waits, later while the collector fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::resource::v1::Resource;
use opspilot_core::module::{Context, HealthStatus, RunError};
use opspilot_core::resilience::{Backoff, BackoffPolicy};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::super::collect::{Collected, MANY};
use super::config::{Checked, Signal};
use super::meters::{FAILURES, LOST, SENT, WAITING};
use super::parcel::{self, Parcel};
use super::sender::{SendError, Sender};

/// The pauses while the collector fails.
const PAUSES: BackoffPolicy =
    BackoffPolicy::endless(Duration::from_millis(500), Duration::from_mins(1));

/// How long the last request may take at a stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// Under what name the health is told.
const CAUSE: &str = "collector";

/// Sends.
#[derive(Debug)]
pub(super) struct Exporter {
    config: Checked,
    /// Tells this process from others on the same machine.
    instance: Uuid,
}

/// What one life of the module owns.
struct Round<'c> {
    cx: &'c Context,
    config: &'c Checked,
    sender: Sender,
    collected: Arc<Collected>,
    resource: Resource,
    /// What was not taken yet, at most one for spans and one for messages.
    unsent: Vec<Parcel>,
    /// The signals whose last request failed.
    failing: BTreeSet<Signal>,
}

impl Exporter {
    pub(super) fn new(config: Checked) -> Self {
        let instance = Uuid::now_v7();
        Self { config, instance }
    }

    /// Lets what is to be sent be kept.
    pub(super) fn prepare(&self) {
        if let Some(collected) = Collected::of_process() {
            self.keep(&collected);
        }
    }

    fn keep(&self, collected: &Collected) {
        let has = |signal| self.config.signals.contains(&signal);
        collected.want(has(Signal::Logs), has(Signal::Traces));
    }

    /// Sends until cancelled, then once more.
    pub(super) async fn run(&self, cx: &Context) -> Result<(), RunError> {
        let collected = Collected::of_process();
        self.send_from(cx, collected.unwrap_or_else(|| unwatched(cx)))
            .await
    }

    async fn send_from(&self, cx: &Context, collected: Arc<Collected>) -> Result<(), RunError> {
        let sender = Sender::new(&self.config)
            .map_err(|error| RunError::new("cannot make an HTTP client", error))?;
        let mut round = Round {
            cx,
            config: &self.config,
            sender,
            resource: parcel::resource(cx, self.instance),
            collected,
            unsent: Vec::new(),
            failing: BTreeSet::new(),
        };
        self.keep(&round.collected);
        round.until_cancelled().await;
        round.collected.want(false, false);
        // What is left has nowhere to go; the count of it is seen on the metrics page alone.
        timeout(FAREWELL, round.turn(true)).await.ok();
        round.give_up();
        Ok(())
    }
}

/// A program with a logger of its own keeps nothing for this module.
fn unwatched(cx: &Context) -> Arc<Collected> {
    warn!("messages and spans are not sent: this program has a logger of its own");
    Arc::new(Collected::new(Arc::clone(&cx.clock)))
}

impl Round<'_> {
    fn has(&self, signal: Signal) -> bool {
        self.config.signals.contains(&signal)
    }

    async fn until_cancelled(&mut self) {
        let mut backoff = PAUSES.start();
        let mut ticks = interval(self.config.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut measured = None;
        loop {
            let collected = Arc::clone(&self.collected);
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return,
                _ = ticks.tick() => {}
                () = collected.many() => {}
            }
            let is_due = measured.is_none_or(|at: Instant| at.elapsed() >= self.config.interval);
            if is_due {
                measured = Some(Instant::now());
            }
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return,
                () = self.turn_and_pause(is_due, &mut backoff) => {}
            }
        }
    }

    /// Sends what there is; after a failure it waits, a little longer each time.
    async fn turn_and_pause(&mut self, measure: bool, backoff: &mut Backoff) {
        match self.turn(measure).await {
            None => backoff.reset(),
            Some(asked) => {
                let own = backoff.next_delay().unwrap_or(PAUSES.longest);
                sleep(own.max(asked)).await;
            }
        }
    }

    /// Sends everything once. Returns how long the collector wants to be left alone, if it failed.
    ///
    /// # Cancel safety
    /// A request that is cut short is in `unsent` until it was answered, and may arrive twice.
    async fn turn(&mut self, measure: bool) -> Option<Duration> {
        let mut pause = None;
        if measure && self.has(Signal::Metrics) {
            let parcel = parcel::metrics(&self.resource, self.cx);
            pause = self.post(&parcel).await.or(pause);
        }
        for signal in [Signal::Traces, Signal::Logs] {
            while let Some(parcel) = self.next(signal) {
                let failed = self.post(&parcel).await;
                pause = failed.or(pause);
                if failed.is_some() {
                    break;
                }
                self.unsent.retain(|unsent| unsent.signal != signal);
            }
        }
        self.count_queues();
        pause
    }

    /// What is to be sent next: first what was not taken before.
    fn next(&mut self, signal: Signal) -> Option<Parcel> {
        let unsent = self.unsent.iter().find(|parcel| parcel.signal == signal);
        if let Some(parcel) = unsent {
            return Some(parcel.clone());
        }
        let parcel = match signal {
            Signal::Traces => parcel::spans(&self.resource, self.collected.spans.take(MANY)),
            Signal::Logs => parcel::logs(&self.resource, self.collected.logs.take(MANY)),
            Signal::Metrics => None,
        }?;
        self.unsent.push(parcel.clone());
        Some(parcel)
    }

    /// Sends a parcel; what will never be taken is counted as lost. Returns a pause if it is to be sent again.
    async fn post(&mut self, parcel: &Parcel) -> Option<Duration> {
        let signal = parcel.signal.as_str();
        let outcome = self.sender.send(parcel.signal, parcel.body.clone()).await;
        let metrics = &self.cx.metrics;
        let lost = |reason| metrics.counter(&LOST, &[("signal", signal), ("reason", reason)]);
        match &outcome {
            Ok(rejected) => {
                lost("rejected").inc_by(*rejected);
                let taken = parcel.items.saturating_sub(*rejected);
                metrics.counter(&SENT, &[("signal", signal)]).inc_by(taken);
            }
            Err(error) => {
                metrics.counter(&FAILURES, &[("signal", signal)]).inc();
                if matches!(error, SendError::Never(_)) {
                    lost("refused").inc_by(parcel.items);
                }
            }
        }
        self.tell(outcome.as_ref().err(), parcel.signal);
        match outcome {
            Err(SendError::Later { pause, .. }) => Some(pause.unwrap_or_default()),
            Ok(_) | Err(SendError::Never(_)) => None,
        }
    }

    /// Tells the health, and the log when it changes.
    fn tell(&mut self, error: Option<&SendError>, signal: Signal) {
        let cause = format!("{CAUSE}:{}", signal.as_str());
        let Some(error) = error else {
            self.cx.health.clear(&cause);
            if self.failing.remove(&signal) {
                info!(
                    signal = signal.as_str(),
                    "the collector takes telemetry again"
                );
            }
            return;
        };
        let message = format!("the collector does not take {}: {error}", signal.as_str());
        if self.failing.insert(signal) {
            warn!(signal = signal.as_str(), error = %error, "the collector does not take telemetry");
        }
        self.cx.health.raise(cause, HealthStatus::Degraded, message);
    }

    fn count_queues(&self) {
        let metrics = &self.cx.metrics;
        let lost = |signal| metrics.counter(&LOST, &[("signal", signal), ("reason", "full")]);
        let waiting = |signal| metrics.gauge(&WAITING, &[("signal", signal)]);
        let depth = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let Collected { logs, spans, .. } = &*self.collected;
        lost("logs").inc_by(logs.take_lost());
        lost("traces").inc_by(spans.take_lost());
        waiting("logs").set(depth(logs.len()));
        waiting("traces").set(depth(spans.len()));
    }

    /// Counts what was not sent before the end.
    fn give_up(&mut self) {
        self.count_queues();
        let Collected { logs, spans, .. } = &*self.collected;
        let left = [
            (Signal::Logs, logs.take(usize::MAX).len()),
            (Signal::Traces, spans.take(usize::MAX).len()),
        ];
        for (signal, count) in left {
            let unsent = self.unsent.iter().filter(|parcel| parcel.signal == signal);
            let unsent: u64 = unsent.map(|parcel| parcel.items).sum();
            let labels = [("signal", signal.as_str()), ("reason", "stopped")];
            let count = unsent.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            self.cx.metrics.counter(&LOST, &labels).inc_by(count);
        }
    }
}
