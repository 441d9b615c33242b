//! `connector.healthCheck`: probes of endpoints as log lines and numbers.
//!
//! Each endpoint has its own interval, and one probe at a time. What changes is told in a line `[HEALTH_CHECK]
//! [FAILURE]`, `[DEGRADED]`, `[RECOVERY]` or `[FLAPPING]`; a failure that lasts is told again as a reminder. Every probe
//! yields the numbers `probe.up`, `probe.response_ms` and `probe.certificate_days`.
//!
//! `probe` talks to endpoints, `reach` says to which addresses, `failure` words what went wrong, `schedule` says when,
//! `state` (without input and output) what is told, `outlet` makes batches of it.

mod config;
mod failure;
mod outlet;
mod probe;
mod reach;
mod schedule;
mod state;
mod target;
mod tls;
mod trial;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ipnet::IpNet;
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{
    BuildError, Category, Context, HealthStatus, Manifest, Module, RunError, Trial, TrialContext,
};
use opspilot_core::storage::{CollectionSpec, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use config::CheckedEndpoint;
pub use config::{
    Breaker, ClientCertificate, Config, Endpoint, ExpectedJson, Flapping, Method, Statuses,
};
use outlet::Outlet;
use probe::{Network, Outcome, Prober};
use schedule::{Shared, Turns};
use state::{Kind, State, Status, Telling};

const PROBES: MetricSpec = MetricSpec::counter(
    "opspilot_health_check_probes_total",
    &[],
    "Probes of endpoints, with retries.",
);
const FAILURES: MetricSpec = MetricSpec::counter(
    "opspilot_health_check_failures_total",
    &[],
    "Turns in which an endpoint was down.",
);

/// How many outcomes wait to be told; then probes wait.
const WAITING: usize = 64;
/// Up to how many endpoints the health is brought up to date at every turn; with more, once a second.
const FEW: usize = 50;

/// Probes endpoints.
#[derive(Debug)]
pub struct HealthCheck {
    config: Config,
    endpoints: Vec<Arc<CheckedEndpoint>>,
    networks: Vec<IpNet>,
    run: u64,
    /// What probes instead of the network, in tests.
    prober: Option<Arc<dyn Prober>>,
}

/// How often the module ran, so that a position is never used twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Runs {
    count: u64,
}

impl Record for Runs {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "runs",
        indexes: &[],
    };

    fn key(&self) -> String {
        "runs".to_owned()
    }
}

#[async_trait]
impl Module for HealthCheck {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        metrics: &[PROBES, FAILURES],
        ..Manifest::new(
            "connector.healthCheck",
            Category::Connector,
            "Probes endpoints: HTTP, TCP, TLS and certificates, DNS, and the health service of gRPC.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let (endpoints, networks) = config.check()?;
        Ok(Self {
            config,
            endpoints: endpoints.into_iter().map(Arc::new).collect(),
            networks,
            run: 0,
            prober: None,
        })
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        trial::try_harmlessly(&self.endpoints, &self.networks, cx).await
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let runs = cx.store.collection::<Runs>().await?;
        let last = runs.get("runs").await?.map_or(0, |(runs, _)| runs.count);
        self.run = last + 1;
        runs.save(&Runs { count: self.run }).await?;
        cx.health.detail("endpointCount", self.endpoints.len());
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let network =
            || Arc::new(Network::new(&self.networks, cx.tasks.clone())) as Arc<dyn Prober>;
        let start = Instant::now();
        let shared = Arc::new(Shared {
            prober: self.prober.clone().unwrap_or_else(network),
            clock: Arc::clone(&cx.clock),
            slots: Semaphore::new(self.config.max_concurrent),
            jitter_percent: self.config.jitter_percent,
            seed: self.run,
            start,
        });
        let (tx, rx) = mpsc::channel(WAITING);
        let turns = self.endpoints.iter().enumerate().map(|(index, endpoint)| {
            Turns::new(index, Arc::clone(endpoint), self.config.breaker, start)
        });
        let mut teller = Teller::new(self, start);
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => {}
            () = probe_all(turns.collect(), shared, tx) => {}
            () = teller.tell_all(cx, rx) => {}
        }
        Ok(())
    }
}

/// A turn that was taken.
#[derive(Debug)]
struct Taken {
    index: usize,
    count: u64,
    probes: u64,
    outcome: Outcome,
}

/// Takes the turns of all endpoints, for ever. While nobody listens the probes under way go on, so that what they measure
/// stays true; an endpoint's next turn waits until its last one is told.
async fn probe_all(all: Vec<Turns>, shared: Arc<Shared>, tx: mpsc::Sender<Taken>) {
    let next = |turns: Turns| Box::pin(turns.take(Arc::clone(&shared)));
    let mut waiting: FuturesUnordered<_> = all.into_iter().map(next).collect();
    // Invariant: an endpoint is either in here once or waiting.
    let mut done = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            Ok(permit) = tx.reserve(), if !done.is_empty() => {
                if let Some((turns, outcome)) = done.pop_front() {
                    permit.send(Taken::of(&turns, outcome));
                    waiting.push(next(turns));
                }
            }
            Some(taken) = waiting.next(), if !waiting.is_empty() => done.push_back(taken),
            // Without endpoints there is nothing to do but to be stopped.
            else => std::future::pending().await,
        }
    }
}

impl Taken {
    const fn of(turns: &Turns, outcome: Outcome) -> Self {
        Self {
            index: turns.index,
            count: turns.count,
            probes: turns.probes,
            outcome,
        }
    }
}

/// Tells what turns found.
#[derive(Debug)]
struct Teller {
    endpoints: Vec<(Arc<CheckedEndpoint>, State)>,
    telling: Telling,
    outlet: Outlet,
    start: Instant,
    shown_at: Option<Instant>,
    cycles: u64,
    probes: Vec<u64>,
    failures: u64,
    recoveries: u64,
}

impl Teller {
    fn new(module: &HealthCheck, start: Instant) -> Self {
        let config = &module.config;
        let fresh = |endpoint: &Arc<CheckedEndpoint>| (Arc::clone(endpoint), State::default());
        Self {
            endpoints: module.endpoints.iter().map(fresh).collect(),
            telling: Telling {
                reminder_ms: config.reminder_ms,
                flapping: config.flapping,
            },
            outlet: Outlet::new(HealthCheck::MANIFEST.id, &config.source, module.run),
            start,
            shown_at: None,
            cycles: 0,
            probes: vec![0; module.endpoints.len()],
            failures: 0,
            recoveries: 0,
        }
    }

    async fn tell_all(&mut self, cx: &Context, mut rx: mpsc::Receiver<Taken>) {
        let (probes, failures) = (
            cx.metrics.counter(&PROBES, &[]),
            cx.metrics.counter(&FAILURES, &[]),
        );
        while let Some(taken) = rx.recv().await {
            let Some(((endpoint, state), seen)) = self
                .endpoints
                .get_mut(taken.index)
                .zip(self.probes.get_mut(taken.index))
            else {
                continue;
            };
            probes.inc_by(taken.probes.saturating_sub(*seen));
            *seen = taken.probes;
            let is_down = taken.outcome.result.is_err();
            failures.inc_by(u64::from(is_down));
            self.failures += u64::from(is_down);
            self.cycles = self.cycles.max(taken.count);
            let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
            let lines = state.observe(now, (endpoint, self.telling), &taken.outcome);
            let recoveries = lines.iter().filter(|line| line.kind == Kind::Recovery);
            self.recoveries += recoveries.count() as u64;
            show_one(cx, endpoint, state);
            let batch =
                self.outlet
                    .batch(cx.clock.now(), (endpoint, state), (&taken.outcome, &lines));
            self.show(cx, !lines.is_empty());
            cx.bus.send_logs(batch).await;
        }
    }

    /// Brings the figures up to date.
    fn show(&mut self, cx: &Context, has_news: bool) {
        let is_due = self
            .shown_at
            .is_none_or(|at| at.elapsed() >= Duration::from_secs(1));
        if !has_news && !is_due && self.endpoints.len() > FEW {
            return;
        }
        self.shown_at = Some(Instant::now());
        let is_down = |(_, state): &&(_, State)| state.status == Status::Unhealthy;
        let endpoint = |(endpoint, state): &(Arc<CheckedEndpoint>, State)| {
            let shown = json!({
                "status": state.status.name(),
                "lastResponseMs": state.last_response_ms,
                "consecutiveFails": state.fails,
            });
            (endpoint.id.to_string(), shown)
        };
        let details: [(&str, Value); 6] = [
            ("totalCycles", self.cycles.into()),
            ("totalProbes", self.probes.iter().sum::<u64>().into()),
            ("totalFailures", self.failures.into()),
            ("totalRecoveries", self.recoveries.into()),
            (
                "unhealthyEndpoints",
                self.endpoints.iter().filter(is_down).count().into(),
            ),
            (
                "endpoints",
                self.endpoints
                    .iter()
                    .map(endpoint)
                    .collect::<Map<_, _>>()
                    .into(),
            ),
        ];
        for (key, value) in details {
            cx.health.detail(key, value);
        }
    }
}

/// Says how an endpoint is.
fn show_one(cx: &Context, endpoint: &CheckedEndpoint, state: &State) {
    let is_well = !state.is_flapping && matches!(state.status, Status::Healthy | Status::Unknown);
    if is_well {
        cx.health.clear(&endpoint.id);
        return;
    }
    let trouble = state.trouble.as_deref().unwrap_or("changes too often");
    let message = format!("`{}` ({}): {trouble}", endpoint.name, endpoint.url);
    cx.health
        .raise(endpoint.id.to_string(), HealthStatus::Degraded, message);
}

#[cfg(test)]
mod tests;
