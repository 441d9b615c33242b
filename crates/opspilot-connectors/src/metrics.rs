//! `connector.metrics`: readings of this machine as log lines.
//!
//! Each cycle is one batch of lines `[METRIC] name=number … label=word`. A name stands in one line of a cycle where it
//! is meant for rules (`cpu_usage_percent`, `memory_usage_percent`, `disk_usage_percent` of the fullest file system);
//! what exists several times (cores, devices, mounts) has names of its own.
//!
//! The source is lossy: a reading that nobody took is gone. While subscribers are behind, cycles are left out and
//! counted. Every file of the kernel has a parser of its own, without input and output; `tree` reads the files,
//! `sampler` makes the lines of one cycle.

mod cgroup;
mod config;
mod cpu;
mod descriptors;
mod disks;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod lines;
mod load;
mod memory;
mod mounts;
mod network;
mod pressure;
mod processes;
mod rates;
mod sampler;
mod text;
mod tree;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{
    BuildError, Category, Context, HealthStatus, Manifest, Module, Offer, RunError, Trial,
    TrialContext,
};
use opspilot_core::signal::{Ack, LogBatch, LogBatchBuilder, LogSource};
use opspilot_core::storage::{CollectionSpec, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::{Instant, MissedTickBehavior};

pub use config::{Config, Group, Processes, Thresholds, View};
pub use lines::Lines;
use lines::Parts;
pub use sampler::Sampler;
pub use tree::Troubles;

const LINES: MetricSpec = MetricSpec::counter(
    "opspilot_readings_lines_total",
    &[],
    "Lines of readings sent.",
);
const MISSED: MetricSpec = MetricSpec::counter(
    "opspilot_readings_missed_total",
    &[],
    "Cycles left out because subscribers or the machine were behind.",
);

/// How far apart the positions of two runs are. A run sends less.
const RUN_BITS: u32 = 40;

/// Reads processor, memory, disks and more of this machine.
#[derive(Debug)]
pub struct Metrics {
    config: Config,
    run: u64,
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
impl Module for Metrics {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        metrics: &[LINES, MISSED],
        ..Manifest::new(
            "connector.metrics",
            Category::Connector,
            "Reads processor, memory, disks and more of this machine; lossy: what is not read in time is gone.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        config.check()?;
        Ok(Self { config, run: 0 })
    }

    fn offers() -> Vec<Offer> {
        let offer = |_| Offer {
            name: "processor, memory, disks, network of this machine".to_owned(),
            note: None,
            options: serde_json::json!({}),
        };
        let there = std::fs::File::open("/proc/stat").ok();
        there.map(offer).into_iter().collect()
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        vec![trial::try_readings(&self.config, cx).await]
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let runs = cx.store.collection::<Runs>().await?;
        let last = runs.get("runs").await?.map_or(0, |(runs, _)| runs.count);
        self.run = last + 1;
        runs.save(&Runs { count: self.run }).await?;
        let groups = self.config.enabled_metrics.iter();
        let names: Vec<String> = groups.map(|group| format!("{group:?}")).collect();
        cx.health.detail("enabledMetrics", names.join(", "));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let mut sampler = Sampler::new(self.config.clone(), "/");
        let mut outlet = Outlet::new(&self.config, self.run);
        let interval = Duration::from_millis(self.config.interval_ms);
        let (lines, missed) = (
            cx.metrics.counter(&LINES, &[]),
            cx.metrics.counter(&MISSED, &[]),
        );
        // What rates are measured from.
        (sampler, _) = sample(cx, sampler).await?;
        let mut due = Instant::now() + interval;
        let mut ticks = tokio::time::interval_at(due, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let tick = tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Ok(()),
                tick = ticks.tick() => tick,
            };
            let late =
                tick.saturating_duration_since(due).as_millis() / interval.as_millis().max(1);
            missed.inc_by(u64::try_from(late).unwrap_or(u64::MAX));
            due = tick + interval;
            let (again, read) = sample(cx, sampler).await?;
            sampler = again;
            lines.inc_by(read.len() as u64);
            let batch = outlet.batch(cx, read);
            tokio::select! {
                biased;
                () = cx.cancel.cancelled() => return Ok(()),
                () = cx.bus.send_logs(batch) => {}
            }
            cx.health.detail("cycleCount", outlet.cycle);
            cx.health.detail("linesEmitted", outlet.lines);
        }
    }
}

async fn sample(cx: &Context, mut sampler: Sampler) -> Result<(Sampler, Lines), RunError> {
    let now = Instant::now().into_std();
    let work = move || {
        let lines = sampler.cycle(now);
        let troubles = sampler.take_troubles();
        (sampler, lines, troubles)
    };
    let (sampler, lines, troubles) = cx.tasks.blocking(work).await?;
    report(cx, &troubles);
    Ok((sampler, lines))
}

/// Says what could not be read. What this machine does not have is a detail and no trouble.
fn report(cx: &Context, troubles: &Troubles) {
    let absent = troubles.absent.iter().map(String::as_str);
    cx.health
        .detail("absent", absent.collect::<Vec<_>>().join(", "));
    match troubles.told() {
        None => cx.health.clear("read"),
        Some(message) => cx.health.raise("read", HealthStatus::Degraded, message),
    }
}

/// Makes batches of lines.
#[derive(Debug)]
struct Outlet {
    name: Arc<str>,
    stream: Arc<str>,
    position: u64,
    cycle: u64,
    lines: u64,
}

impl Outlet {
    fn new(config: &Config, run: u64) -> Self {
        Self {
            name: config.source.as_str().into(),
            stream: format!("metrics:{}", config.source).into(),
            position: run << RUN_BITS,
            cycle: 0,
            lines: 0,
        }
    }

    fn batch(&mut self, cx: &Context, lines: Lines) -> LogBatch {
        self.cycle += 1;
        let attributes = Map::from_iter([
            ("collector".to_owned(), Value::from(cx.id)),
            ("cycle".to_owned(), Value::from(self.cycle)),
        ]);
        let source = LogSource {
            module: cx.id.into(),
            name: Arc::clone(&self.name),
            stream: Arc::clone(&self.stream),
            attributes,
        };
        let Parts {
            buffer,
            ranges,
            samples,
        } = lines.into_parts();
        let end = self.position + buffer.len() as u64;
        let place = (self.position, self.lines + 1);
        let mut builder = LogBatchBuilder::new(Arc::new(source), buffer, place, cx.clock.now());
        for range in ranges {
            let offset = range.start;
            builder.record(range, offset);
        }
        samples
            .into_iter()
            .for_each(|sample| builder.sample(sample));
        self.lines += builder.len() as u64;
        self.position = end;
        builder.build(end, Ack::ignored())
    }
}

#[cfg(test)]
mod tests;
