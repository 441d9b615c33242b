//! A running module with a store behind it, and a client.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use opspilot_core::bus::{LogReceiver, Stage, StageOrder, Staged, Tx};
use opspilot_core::clock::{ManualClock, Timestamp};
use opspilot_core::event::{IncidentCleared, IncidentCreated, IncidentRepeated};
use opspilot_core::incident::{Incident, IncidentFilter, Incidents};
use opspilot_core::module::{Category, Context, Manifest, Module};
use opspilot_core::storage::{MemoryStorage, SharedStorage};
use opspilot_core::testing::Bench;
use opspilot_net::testing::{Reply, ask};
use serde_json::Value;

use super::super::{Config, Webhook};

pub(super) const NOW: i64 = 1_771_588_800_000;
pub(super) const TOKEN: &str = "a-token-that-is-long-enough";

static MANIFEST: Manifest = Webhook::MANIFEST;
static STORE: Manifest = Manifest {
    consumes: &["incident.created", "incident.repeated", "incident.cleared"],
    ..Manifest::new("enricher.incidentStore", Category::Enricher, "")
};

/// What the incident store does, in short.
struct Stores(Incidents);

#[async_trait]
impl Stage<IncidentCreated> for Stores {
    async fn process(&mut self, staged: &mut [Staged<IncidentCreated>], tx: &mut Tx) {
        for incident in staged {
            if !self.0.create_in(tx, &incident.event).await.unwrap() {
                incident.absorb();
            }
        }
    }
}

#[async_trait]
impl Stage<IncidentRepeated> for Stores {
    async fn process(&mut self, staged: &mut [Staged<IncidentRepeated>], tx: &mut Tx) {
        for repeated in staged {
            let actor = repeated.source();
            self.0.repeat_in(tx, &repeated.event, actor).await.unwrap();
        }
    }
}

#[async_trait]
impl Stage<IncidentCleared> for Stores {
    async fn process(&mut self, staged: &mut [Staged<IncidentCleared>], tx: &mut Tx) {
        for cleared in staged {
            self.0.clear_in(tx, &cleared.event).await.unwrap();
        }
    }
}

/// A module at work. Dropping it stops it.
pub(super) struct Running {
    pub(super) bench: Bench,
    pub(super) cx: Context,
    pub(super) logs: LogReceiver,
    pub(super) address: SocketAddr,
}

impl Running {
    pub(super) async fn new(yaml: &str) -> Self {
        Self::on(Arc::new(MemoryStorage::default()), yaml).await
    }

    pub(super) async fn on(storage: SharedStorage, yaml: &str) -> Self {
        let clock = ManualClock::starting_at(Timestamp::from_millis(NOW));
        let bench = Bench::on(storage, clock).await;
        let store = bench.context(&STORE);
        let stores = || Stores(bench.incidents.clone());
        let order = StageOrder::STORE;
        store
            .bus
            .stage::<IncidentCreated>(order, stores())
            .await
            .unwrap();
        store
            .bus
            .stage::<IncidentRepeated>(order, stores())
            .await
            .unwrap();
        store
            .bus
            .stage::<IncidentCleared>(order, stores())
            .await
            .unwrap();
        let logs = store.bus.logs();
        let cx = bench.context(&MANIFEST);
        let mut module = Webhook::new(config(yaml)).unwrap();
        module.init(&cx).await.unwrap();
        let port = cx.health.current().details["port"].as_u64().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        let own = cx.clone();
        #[expect(clippy::disallowed_methods, reason = "the test is the runtime here")]
        tokio::spawn(async move { module.run(&own).await.unwrap() });
        Self {
            bench,
            cx,
            logs,
            address,
        }
    }

    pub(super) async fn post(&self, path: &str, headers: &[String], body: &str) -> Reply {
        let line = format!("POST {path}");
        let mut head = vec![line.as_str(), "Content-Type: application/json"];
        head.extend(headers.iter().map(String::as_str));
        ask(self.address, &head, body.as_bytes()).await
    }

    /// All incidents, oldest first.
    pub(super) async fn incidents(&self) -> Vec<Incident> {
        let all = IncidentFilter::default();
        let (mut incidents, _) = self.bench.incidents.list(&all, None, 100).await.unwrap();
        incidents.sort_by_key(|incident| incident.title.clone());
        incidents
    }

    pub(super) fn count(&self, what: &str) -> String {
        let page = self.bench.metrics.render();
        let line = page.lines().find(|line| line.starts_with(what));
        line.and_then(|line| line.rsplit(' ').next())
            .unwrap_or("none")
            .to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cx.cancel.cancel();
    }
}

pub(super) fn config(yaml: &str) -> Config {
    serde_saphyr::from_str(yaml).unwrap()
}

pub(super) fn bearer() -> Vec<String> {
    vec![format!("Authorization: Bearer {TOKEN}")]
}

/// A problem's status and its whole body.
pub(super) fn problem(reply: &Reply) -> (u16, Value) {
    assert_eq!(reply.header("content-type"), "application/problem+json");
    (reply.status, reply.json())
}
