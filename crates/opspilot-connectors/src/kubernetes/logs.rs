//! Logs of containers, chosen by the labels of their pods.
//!
//! Each run of a container is one *stream*; the position in it is the time that the node stamped on the line, in
//! nanoseconds, one more where two lines have the same. The API finds a line again by the second alone, so what was read is
//! passed over by its time and a hash of the line.

mod reader;
pub(super) mod text;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use opspilot_core::clock::Timestamp;
use opspilot_core::module::{Context, HealthStatus};
use opspilot_core::storage::{Collection, CollectionSpec, Query, Record, StorageError, WriteBatch};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior};

use super::cluster::{Cluster, Trouble};
use super::wire::{LoggedPod, LoggedPods};
use reader::Reader;

/// The place of the first look: of what ran before it, only what comes is read.
const FIRST_LOOK: &str = "first look";

/// How far one run of a container was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    /// The version of this form.
    pub(super) format: u32,
    /// The run.
    pub(super) stream: String,
    /// The time of the last line that is done with, in nanoseconds since 1970.
    pub(super) time: u64,
    /// A hash of that line.
    pub(super) hash: u64,
    /// Where the next line starts at least.
    pub(super) position: u64,
    /// The run is over and was read to its end.
    pub(super) is_done: bool,
}

impl Record for Place {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "logs",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.stream.clone()
    }
}

/// One run of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) stream: String,
    /// It is the one before the present one.
    pub(super) is_previous: bool,
    /// It ended.
    pub(super) is_over: bool,
    /// When it started, or ended.
    pub(super) at: Option<Timestamp>,
}

/// A run that is to be read.
struct Wanted {
    run: Run,
    /// How far it was read.
    place: Option<Place>,
    /// From when on it is read, in nanoseconds since 1970.
    since: Option<u64>,
}

/// Follows logs.
pub(super) struct Logs<'a> {
    pub(super) cx: &'a Context,
    pub(super) cluster: &'a Cluster,
    pub(super) places: Collection<Place>,
}

impl Logs<'_> {
    /// Follows until the module is cancelled.
    pub(super) async fn run(self) {
        let config = self.cluster.config();
        if config.pod_logs.is_empty() {
            return;
        }
        let mut ticks = tokio::time::interval_at(
            Instant::now(),
            Duration::from_millis(config.poll_interval_ms),
        );
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut readers = FuturesUnordered::new();
        let mut active: HashSet<String> = HashSet::new();
        loop {
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => break,
                Some((stream, outcome)) = readers.next(), if !readers.is_empty() => {
                    let stream: String = stream;
                    active.remove(&stream);
                    self.say(outcome);
                }
                _ = ticks.tick() => {
                    let runs = match self.look(&active).await {
                        Ok(found) => found,
                        Err(trouble) => {
                            self.say(Err(trouble));
                            continue;
                        }
                    };
                    let room = config.max_log_streams.saturating_sub(active.len());
                    let left_out = runs.len().saturating_sub(room);
                    self.cx.health.detail("logStreamsLeftOut", left_out);
                    for Wanted { run, place, since } in runs.into_iter().take(room) {
                        active.insert(run.stream.clone());
                        readers.push(Reader::new(&self, run, place, since).run());
                    }
                    self.cx.health.detail("logStreams", active.len());
                }
            }
        }
        // Each stores what settles within a short time.
        while readers.next().await.is_some() {}
    }

    fn say(&self, outcome: Result<(), Trouble>) {
        match outcome {
            Ok(()) => self.cx.health.clear("logs"),
            Err(trouble) => self
                .cx
                .health
                .raise("logs", trouble.status, trouble.message),
        }
    }

    /// The runs that are to be read.
    async fn look(&self, active: &HashSet<String>) -> Result<Vec<Wanted>, Trouble> {
        let mut runs = BTreeSet::new();
        let mut pods = HashSet::new();
        for chosen in &self.cluster.config().pod_logs {
            let mut rest = None;
            loop {
                let page = tokio::select! {
                    biased;
                    () = self.cx.cancel.cancelled() => return Ok(Vec::new()),
                    page = self.cluster.pods(&chosen.selector, rest.take()) => page?,
                };
                let page: LoggedPods = serde_json::from_slice(&page)
                    .map_err(|error| Trouble::other(format!("the list is not one: {error}")))?;
                for pod in page.items.iter().flatten() {
                    pods.insert(pod.metadata.uid.clone());
                    runs.extend(runs_of(pod, &chosen.containers));
                }
                rest = page.metadata.rest.filter(|rest| !rest.is_empty());
                if rest.is_none() {
                    break;
                }
            }
        }
        let stored = |error: StorageError| {
            Trouble::other(format!(
                "cannot read where logs are: {}",
                opspilot_core::error::chain(&error)
            ))
        };
        self.choose(runs, &pods, active).await.map_err(stored)
    }

    async fn choose(
        &self,
        runs: BTreeSet<Run>,
        pods: &HashSet<String>,
        active: &HashSet<String>,
    ) -> Result<Vec<Wanted>, StorageError> {
        let first_look = self.first_look().await?;
        self.forget_gone(pods, active).await?;
        let mut wanted = Vec::new();
        for run in runs.into_iter().filter(|run| !active.contains(&run.stream)) {
            let place = self.places.get(&run.stream).await?.map(|(place, _)| place);
            let is_old = run.at.is_some_and(|at| nanos(at) < first_look);
            let is_done = place.as_ref().is_some_and(|place| place.is_done);
            if is_done || (is_old && run.is_over && place.is_none()) {
                continue;
            }
            let since = is_old.then_some(first_look);
            wanted.push(Wanted { run, place, since });
        }
        Ok(wanted)
    }

    /// When logs were looked for the first time, in nanoseconds since 1970.
    async fn first_look(&self) -> Result<u64, StorageError> {
        if let Some((place, _)) = self.places.get(FIRST_LOOK).await? {
            return Ok(place.time);
        }
        let time = nanos(self.cx.clock.now());
        let place = Place {
            format: 1,
            stream: FIRST_LOOK.to_owned(),
            time,
            hash: 0,
            position: 0,
            is_done: true,
        };
        self.places.save(&place).await?;
        Ok(time)
    }

    /// Forgets the places of pods that are gone.
    async fn forget_gone(
        &self,
        pods: &HashSet<String>,
        active: &HashSet<String>,
    ) -> Result<(), StorageError> {
        let mut after = None;
        loop {
            let (page, next) = self.places.query(&Query::by_key(500).after(after)).await?;
            let mut batch = WriteBatch::default();
            for place in &page {
                let uid = place.stream.split('/').nth(1).unwrap_or_default();
                if place.stream != FIRST_LOOK
                    && !pods.contains(uid)
                    && !active.contains(&place.stream)
                {
                    batch.push(self.places.delete(&place.stream));
                    let stream = place.stream.as_str().into();
                    // The bus is closed only when everything ends.
                    self.cx.bus.forget_stream(&stream).await.ok();
                }
            }
            self.places.storage().apply(batch).await?;
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// The runs of the containers of a pod.
fn runs_of(pod: &LoggedPod, wanted: &[String]) -> Vec<Run> {
    let status = pod.status.as_ref();
    let all = status.map(|status| [&status.init_container_statuses, &status.container_statuses]);
    let containers = all.into_iter().flatten().flatten().flatten();
    let chosen =
        containers.filter(|container| wanted.is_empty() || wanted.contains(&container.name));
    let run = |container: &str, id: &str, is_previous: bool, is_over: bool, at: Option<&str>| {
        let id = id.rsplit('/').next().unwrap_or_default();
        Run {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            pod: pod.metadata.name.clone(),
            container: container.to_owned(),
            stream: format!("kubernetes-log/{}/{container}/{id}", pod.metadata.uid),
            is_previous,
            is_over,
            at: at.and_then(|at| Timestamp::parse(at).ok()),
        }
    };
    let mut runs = Vec::new();
    for container in chosen {
        let name = container.name.as_str();
        for (state, is_previous) in [(&container.last_state, true), (&container.state, false)] {
            let ended = state.as_ref().and_then(|state| state.terminated.as_ref());
            if let Some(ended) = ended
                && let Some(id) = ended.container_id.as_deref().filter(|id| !id.is_empty())
            {
                runs.push(run(
                    name,
                    id,
                    is_previous,
                    true,
                    ended.finished_at.as_deref(),
                ));
            }
        }
        let running = container
            .state
            .as_ref()
            .and_then(|state| state.running.as_ref());
        if let (Some(running), Some(id)) = (running, container.container_id.as_deref())
            && !id.is_empty()
        {
            runs.push(run(name, id, false, false, running.started_at.as_deref()));
        }
    }
    runs
}

fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(0)
        .saturating_mul(1_000_000)
}

/// A trouble of the storage.
fn unstored(error: &StorageError) -> Trouble {
    Trouble {
        status: HealthStatus::Degraded,
        ..Trouble::other(format!(
            "cannot store where a log is: {}",
            opspilot_core::error::chain(error)
        ))
    }
}
