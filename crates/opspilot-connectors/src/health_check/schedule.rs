//! When an endpoint is probed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::{Clock, Timestamp};
use opspilot_core::resilience::{BackoffPolicy, BreakerState, CircuitBreaker};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use super::config::{Breaker, CheckedEndpoint};
use super::probe::{Outcome, Prober, once};

/// What all endpoints share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) prober: Arc<dyn Prober>,
    pub(super) clock: Arc<dyn Clock>,
    /// How many probes may run at once.
    pub(super) slots: Semaphore,
    pub(super) jitter_percent: u64,
    /// What makes this run's jitter differ from that of another.
    pub(super) seed: u64,
    pub(super) start: Instant,
}

impl Shared {
    /// The time since the start: it does not jump when somebody sets the clock.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(self.start.elapsed())
    }
}

/// An endpoint and when its turn is. One value goes round, so its probes never overlap.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) index: usize,
    pub(super) endpoint: Arc<CheckedEndpoint>,
    /// How many turns there were.
    pub(super) count: u64,
    /// How many probes there were, with retries.
    pub(super) probes: u64,
    due: Instant,
    breaker: CircuitBreaker,
}

impl Turns {
    pub(super) fn new(
        index: usize,
        endpoint: Arc<CheckedEndpoint>,
        options: Breaker,
        start: Instant,
    ) -> Self {
        let failures = match options.failures {
            0 => u32::MAX,
            failures => failures,
        };
        Self {
            index,
            endpoint,
            count: 0,
            probes: 0,
            due: start,
            breaker: CircuitBreaker::new(failures, Duration::from_millis(options.reset_ms)),
        }
    }

    /// Waits for the next turn and takes it.
    pub(super) async fn take(mut self, shared: Arc<Shared>) -> (Self, Outcome) {
        loop {
            sleep_until(self.due).await;
            match self.breaker.admit(shared.now()) {
                Ok(()) => break,
                Err(until) => self.due = shared.start + until.since(Timestamp::UNIX_EPOCH),
            }
        }
        let start = Instant::now();
        let outcome = self.attempt(&shared).await;
        self.count += 1;
        self.breaker.record(shared.now(), outcome.result.is_ok());
        self.plan(start, &outcome, &shared);
        (self, outcome)
    }

    /// Probes until it is up or the retries are used up.
    async fn attempt(&mut self, shared: &Shared) -> Outcome {
        let is_trial = matches!(self.breaker.state(), BreakerState::HalfOpen { .. });
        let limit = if is_trial { 0 } else { self.endpoint.retries };
        let first = self.endpoint.retry_delay;
        let mut delays = BackoffPolicy {
            first,
            longest: first.saturating_mul(16),
            limit: Some(limit as usize),
        }
        .start();
        loop {
            // The wait for a free slot is not a part of the probe, nor is a slot held while waiting for a retry.
            let slot = shared.slots.acquire().await;
            let outcome = once(&*shared.prober, &self.endpoint, &*shared.clock).await;
            drop(slot);
            self.probes += 1;
            let wants_rest =
                matches!(&outcome.result, Err(failure) if failure.retry_after.is_some());
            let is_final = outcome.result.is_ok() || wants_rest;
            match delays.next_delay().filter(|_| !is_final) {
                Some(delay) => sleep(delay).await,
                None => return outcome,
            }
        }
    }

    /// Plans the next turn. Those that were missed are left out.
    fn plan(&mut self, start: Instant, outcome: &Outcome, shared: &Shared) {
        let now = Instant::now();
        let interval = self.endpoint.interval;
        let next = start + self.jittered(shared);
        self.due = if next > now { next } else { now + interval };
        if let Err(failure) = &outcome.result
            && let Some(rest) = failure.retry_after
        {
            self.due = self.due.max(now + rest);
        }
        if let BreakerState::Open { until } = self.breaker.state() {
            self.due = self
                .due
                .max(shared.start + until.since(Timestamp::UNIX_EPOCH));
        }
    }

    /// The interval, shorter or longer by up to half of the jitter.
    fn jittered(&self, shared: &Shared) -> Duration {
        let millis = u64::try_from(self.endpoint.interval.as_millis()).unwrap_or(u64::MAX);
        let span = millis / 100 * shared.jitter_percent;
        let mut hasher = DefaultHasher::new();
        (shared.seed, self.count, &*self.endpoint.id).hash(&mut hasher);
        let shift = hasher.finish() % (span + 1);
        Duration::from_millis(millis - span / 2 + shift)
    }
}
