//! The API over real connections, with a real bus and incidents on memory.

mod access;
mod approvals;
mod changing;
mod conform;
mod faulty;
mod hostile;
mod keys;
mod letters;
mod modules;
mod openapi;
mod page;
mod post_mortem;
mod probes;
mod reading;
mod rule_changes;
mod rules;
mod searching;
mod setup;
mod socket;
mod streaming;
mod table;
mod views;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::{ManualClock, Timestamp};
use opspilot_core::config::{Auth, Environment, load_text};
use opspilot_core::event::IncidentCreated;
use opspilot_core::incident::{Incidents, Severity};
use opspilot_core::module::{
    ConfigSource, Context, HealthReporter, Module as _, Registry, Requests,
};
use opspilot_core::storage::SharedStorage;
use opspilot_core::testing::Bench;
use serde_json::Value;

use self::faulty::FaultyStorage;
use super::{Api, Category, Config, Manifest};
use opspilot_net::Limits;
use opspilot_net::testing::{Reply, ask};

static CORE: Manifest = Manifest::new("core", Category::Ui, "");

/// A running API. Dropping it leaves its task to the runtime of the test, which ends it.
struct Fixture {
    bench: Bench,
    storage: Arc<FaultyStorage>,
    clock: Arc<ManualClock>,
    core: HealthReporter,
    cx: Context,
    address: SocketAddr,
    base_path: String,
    /// What modules ask of the runtime that a test plays.
    requests: Option<Requests>,
}

/// What a test may change about the API before it starts.
struct Setup {
    config: Config,
    limits: Limits,
    request: Duration,
    body: Duration,
    auth: Auth,
    bad_credentials: usize,
    beat: Duration,
    /// The modules that are built in, and a configuration of them; then the test plays the runtime.
    built_in: Option<(Registry, &'static str)>,
    /// The file that drives the server.
    source: Option<ConfigSource>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: Config {
                port: 0,
                rate_limit_per_minute: 0,
                ..Config::default()
            },
            limits: Limits::default(),
            request: Duration::from_secs(30),
            body: Duration::from_secs(15),
            auth: Auth::default(),
            bad_credentials: 30,
            beat: Duration::from_secs(600),
            built_in: None,
            source: None,
        }
    }
}

impl Fixture {
    async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    async fn with(setup: Setup) -> Self {
        let storage = Arc::new(FaultyStorage::default());
        let clock = ManualClock::starting_at(Timestamp::parse("2026-02-20T12:00:00Z").unwrap());
        Self::on(storage, clock, setup).await
    }

    /// The same again after a restart, with another section `auth`.
    async fn again(&self, auth: Auth) -> Self {
        let setup = Setup {
            auth,
            ..Setup::default()
        };
        Self::on(Arc::clone(&self.storage), Arc::clone(&self.clock), setup).await
    }

    async fn on(storage: Arc<FaultyStorage>, clock: Arc<ManualClock>, setup: Setup) -> Self {
        let shared: SharedStorage = Arc::<FaultyStorage>::clone(&storage);
        let shared_clock = Arc::<ManualClock>::clone(&clock);
        let registry = setup
            .built_in
            .as_ref()
            .map(|(registry, _)| registry.clone());
        let (mut bench, requests) = match setup.built_in {
            None => (Bench::on(shared, shared_clock).await, None),
            Some((registry, yaml)) => {
                let config = configuration(yaml, &registry);
                let (bench, requests) = Bench::driven(shared, shared_clock, registry).await;
                bench.set_config(config);
                (bench, Some(requests))
            }
        };
        if let Some(source) = setup.source {
            bench
                .configured_by(source, registry.unwrap_or_default())
                .await;
        }
        bench.access.auth = Arc::new(setup.auth);
        bench.set_ready(true);
        let core = bench.context(&CORE).health;
        let cx = bench.context(&Api::MANIFEST);
        let base_path = setup.config.base_path.clone();
        let mut api = Api::new(setup.config).unwrap();
        api.limits = setup.limits;
        api.api_limits.request = setup.request;
        api.api_limits.body = setup.body;
        api.api_limits.bad_credentials = setup.bad_credentials;
        api.api_limits.beat = setup.beat;
        api.init(&cx).await.unwrap();
        let port = cx.health.current().details["port"].as_u64().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        let context = cx.clone();
        cx.tasks
            .spawn("api", async move { api.run(&context).await.unwrap() });
        Self {
            bench,
            storage,
            clock,
            core,
            cx,
            address,
            base_path,
            requests,
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(&[&format!("GET /api{path}")], b"").await
    }

    async fn post(&self, path: &str, body: &str) -> Reply {
        let head = format!("POST /api{path}");
        self.ask(&[&head, "Content-Type: application/json"], body.as_bytes())
            .await
    }

    async fn ask(&self, head: &[&str], body: &[u8]) -> Reply {
        let reply = ask(self.address, head, body).await;
        conform::check(&self.base_path, head[0], &reply);
        reply
    }

    /// Stores an incident a millisecond later than the one before.
    async fn incident(&self, id: &str, severity: Severity) {
        self.incident_with(id, severity, |_| {}).await;
    }

    /// The same, changed before it is stored.
    async fn incident_with(
        &self,
        id: &str,
        severity: Severity,
        change: impl FnOnce(&mut IncidentCreated),
    ) {
        self.clock.advance(Duration::from_millis(1));
        let mut event = IncidentCreated {
            incident_id: id.into(),
            title: format!("title of {id}"),
            description: "<script>alert(1)</script>".into(),
            severity,
            detected_by: "detector.test".into(),
            source_event: None,
            detected_at: Timestamp::UNIX_EPOCH,
            occurrences: 1,
            last_seen_at: None,
            auto_resolve_ms: None,
            context: serde_json::Map::new(),
        };
        change(&mut event);
        let create = Create {
            incidents: self.bench.incidents.clone(),
            event,
        };
        assert!(self.bench.bus.transact("test", create).await.unwrap());
    }

    /// The actions in an incident's timeline.
    async fn actions(&self, id: &str) -> Vec<String> {
        let timeline = self.get(&format!("/incidents/{id}/timeline")).await.json();
        strings(&timeline["entries"], "action")
    }
}

fn configuration(yaml: &str, registry: &Registry) -> opspilot_core::config::Config {
    let known = registry.known_modules();
    let environment = Environment::default();
    let loaded = load_text(yaml, Path::new("test.yaml"), &environment, &known);
    loaded.unwrap().config
}

struct Create {
    incidents: Incidents,
    event: IncidentCreated,
}

#[async_trait]
impl Work for Create {
    type Output = bool;

    async fn run(self, tx: &mut Tx) -> bool {
        self.incidents.create_in(tx, &self.event).await.unwrap()
    }
}

/// The texts under `key` of each of `list`.
fn strings(list: &Value, key: &str) -> Vec<String> {
    let text = |entry: &Value| entry[key].as_str().unwrap_or_default().to_owned();
    list.as_array().unwrap().iter().map(text).collect()
}
