//! Start, supervision, reload and stop, with modules that do as they are told.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

mod restarting;

use super::{Parts, Runtime, StartError};
use crate::clock::SystemClock;
use crate::config::{Config, Environment, load_text};
use crate::metrics::Metrics;
use crate::module::{
    BuildError, Category, Context, Factory, Health, HealthStatus, Manifest, Module, ModuleState,
    Registry, Request, RestartError, RunError,
};
use crate::storage::MemoryStorage;

/// What happened, in order; one list for each test thread.
static LOG: Mutex<VecDeque<(std::thread::ThreadId, String)>> = Mutex::new(VecDeque::new());

fn note(text: impl Into<String>) {
    LOG.lock()
        .unwrap()
        .push_back((std::thread::current().id(), text.into()));
}

/// Takes what this test noted. Tests run on one thread each.
fn noted() -> Vec<String> {
    let me = std::thread::current().id();
    let mut log = LOG.lock().unwrap();
    let (mine, others) = log
        .drain(..)
        .partition::<VecDeque<_>, _>(|(thread, _)| *thread == me);
    *log = others;
    mine.into_iter().map(|(_, text)| text).collect()
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    /// What goes wrong: `new`, `init`, `run` or `panic`.
    fails: String,
    /// Anything.
    value: u32,
}

/// A module of any category.
struct Fake<const SOURCE: bool>(Options);

impl<const SOURCE: bool> Fake<SOURCE> {
    const ID: &'static str = if SOURCE {
        "connector.fake"
    } else {
        "enricher.fake"
    };
}

#[async_trait]
impl<const SOURCE: bool> Module for Fake<SOURCE> {
    const MANIFEST: Manifest = Manifest::new(
        Self::ID,
        if SOURCE {
            Category::Connector
        } else {
            Category::Enricher
        },
        "A module of a test.",
    );

    type Config = Options;

    fn new(config: Options) -> Result<Self, BuildError> {
        if config.fails == "new" {
            return Err(BuildError::option(
                crate::config::KeyPath::of(["fails"]),
                "told to fail",
            ));
        }
        Ok(Self(config))
    }

    async fn init(&mut self, _: &Context) -> Result<(), RunError> {
        note(format!("init {} {}", Self::ID, self.0.value));
        if self.0.fails == "init" {
            return Err(RunError::new(
                "cannot bind `x`",
                std::io::Error::other("in use"),
            ));
        }
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        note(format!("run {}", Self::ID));
        match self.0.fails.as_str() {
            "run" => return Err(RunError::message("told to fail")),
            "panic" => panic!("told to panic"),
            _ => cx.cancel.cancelled().await,
        }
        Ok(())
    }

    async fn stop(&mut self, _: &Context) -> Result<(), RunError> {
        note(format!("stop {}", Self::ID));
        Ok(())
    }
}

fn registry() -> Registry {
    Registry::default().with([Factory::of::<Fake<true>>(), Factory::of::<Fake<false>>()])
}

fn config(yaml: &str) -> Config {
    let known = registry().known_modules();
    load_text(
        yaml,
        Path::new("test.yaml"),
        &Environment::default(),
        &known,
    )
    .unwrap()
    .config
}

const BOTH: &str = "modules:\n  connector.fake: {}\n  enricher.fake: {}\n";

async fn start(yaml: &str) -> Result<Runtime, StartError> {
    let parts = Parts {
        registry: registry(),
        storage: Arc::new(MemoryStorage::default()),
        clock: SystemClock::shared(),
        metrics: Metrics::default(),
        audit_key: crate::safety::audit::SigningKey::ephemeral().unwrap(),
        config_source: None,
    };
    Runtime::start(parts, config(yaml)).await
}

fn health(runtime: &Runtime, id: &str) -> (ModuleState, Health, u64) {
    let status = runtime
        .system()
        .modules()
        .into_iter()
        .find(|status| status.id == id)
        .unwrap();
    (status.state, status.health, status.restarts)
}

#[tokio::test]
async fn modules_start_against_the_flow_and_stop_along_it() {
    let runtime = start(BOTH).await.unwrap();
    assert!(runtime.system().is_ready());
    tokio::task::yield_now().await;
    let started = noted();
    assert_eq!(
        started[..2],
        ["init enricher.fake 0", "init connector.fake 0"]
    );
    runtime.stop().await;
    assert_eq!(noted(), ["stop connector.fake", "stop enricher.fake"]);
}

#[tokio::test]
async fn a_module_that_cannot_start_is_named_with_its_reason() {
    let error = start("modules:\n  connector.fake: { fails: init }\n")
        .await
        .unwrap_err();
    assert_eq!(
        crate::error::chain(&error),
        "module `connector.fake` cannot start: cannot bind `x`: in use"
    );
}

#[tokio::test]
async fn every_wrong_option_is_named_with_its_place() {
    let yaml = "modules:\n  connector.fake: { fails: new }\n  enricher.fake:\n    fails: new\n";
    let StartError::Config(errors) = start(yaml).await.unwrap_err() else {
        panic!("another error")
    };
    let text = errors.to_string();
    assert!(
        text.contains("test.yaml:2:28") && text.contains("test.yaml:4:12"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_module_that_fails_is_started_again_with_growing_pauses() {
    for fails in ["run", "panic"] {
        let yaml =
            format!("modules:\n  connector.fake: {{ fails: {fails} }}\n  enricher.fake: {{}}\n");
        let runtime = start(&yaml).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_mins(10)).await;
        let (_, trouble, restarts) = health(&runtime, "connector.fake");
        assert!((12..60).contains(&restarts), "{restarts}");
        assert_eq!(trouble.status, HealthStatus::Degraded);
        assert!(trouble.message.unwrap().contains("told to"), "{fails}");
        assert_eq!(health(&runtime, "enricher.fake").0, ModuleState::Running);
        runtime.stop().await;
    }
}

#[tokio::test]
async fn reload_touches_only_what_changed() {
    let mut runtime = start(BOTH).await.unwrap();
    tokio::task::yield_now().await;
    noted();
    let changed =
        "modules:\n  connector.fake: { value: 7 }\n  enricher.fake: {}\nlogging:\n  level: debug\n";
    let report = runtime.reload(config(changed)).await.unwrap();
    assert_eq!(
        (report.restarted, report.needs_restart),
        (
            vec!["connector.fake".to_owned()],
            vec!["logging".to_owned()]
        )
    );
    assert_eq!(
        noted()[..2],
        ["stop connector.fake", "init connector.fake 7"]
    );
    let report = runtime
        .reload(config("modules:\n  enricher.fake: {}\n"))
        .await
        .unwrap();
    assert_eq!(report.stopped, ["connector.fake"]);
    let report = runtime.reload(config(BOTH)).await.unwrap();
    assert_eq!(report.started, ["connector.fake"]);
    runtime.stop().await;
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing() {
    let mut runtime = start(BOTH).await.unwrap();
    tokio::task::yield_now().await;
    noted();
    let wrong = config("modules:\n  connector.fake: { fails: new }\n");
    assert!(runtime.reload(wrong).await.is_err());
    assert_eq!(noted(), Vec::<String>::new());
    assert_eq!(health(&runtime, "enricher.fake").0, ModuleState::Running);
    runtime.stop().await;
}

#[tokio::test]
async fn a_module_that_cannot_start_at_a_reload_leaves_the_others_running() {
    let mut runtime = start("modules:\n  enricher.fake: {}\n").await.unwrap();
    let config =
        config("modules:\n  connector.fake: { fails: init }\n  enricher.fake: { value: 3 }\n");
    let report = runtime.reload(config).await.unwrap();
    assert_eq!(report.started, ["connector.fake"]);
    let [failed] = &report.failed[..] else {
        panic!("{report:?}")
    };
    assert_eq!(failed.module, "connector.fake");
    assert_eq!(failed.reason, "cannot bind `x`: in use");
    tokio::task::yield_now().await;
    assert_eq!(health(&runtime, "enricher.fake").0, ModuleState::Running);
    let (state, trouble, _) = health(&runtime, "connector.fake");
    assert_eq!(
        (state, trouble.status),
        (ModuleState::Failed, HealthStatus::Degraded)
    );
    runtime.stop().await;
}

/// Actions and details of the audit log, oldest first.
async fn audited(audit: &crate::safety::audit::Audit) -> Vec<(String, String)> {
    let found = audit
        .list(&crate::safety::audit::AuditFilter::default(), None, 100)
        .await;
    let mut entries = found.unwrap().0;
    entries.reverse();
    let tell = |entry: crate::safety::audit::Entry| {
        let details = serde_json::to_string(&entry.details).unwrap();
        (entry.action.into_owned(), details)
    };
    entries.into_iter().map(tell).collect()
}

#[tokio::test]
async fn start_reload_refusal_and_stop_are_audited_and_the_end_is_signed() {
    let mut runtime = start(BOTH).await.unwrap();
    let audit = runtime.audit().clone();
    runtime
        .reload(config("modules:\n  enricher.fake: {}\n"))
        .await
        .unwrap();
    let wrong = config("modules:\n  connector.fake: { fails: new }\n");
    runtime.reload(wrong).await.unwrap_err();
    runtime.stop().await;
    let entries = audited(&audit).await;
    let actions: Vec<&str> = entries.iter().map(|(action, _)| action.as_str()).collect();
    let expected = [
        "system.started",
        "config.reloaded",
        "config.refused",
        "system.stopped",
    ];
    assert_eq!(actions, expected);
    assert!(
        entries[0]
            .1
            .contains("[\"connector.fake\",\"enricher.fake\"]"),
        "{entries:?}"
    );
    assert!(
        entries[1].1.contains("\"stopped\":[\"connector.fake\"]"),
        "{entries:?}"
    );
    assert!(entries[2].1.contains("told to fail"), "{entries:?}");
    let mut exporter = audit.exporter().await.unwrap();
    let mut text = String::new();
    while let Some(piece) = exporter.next().await.unwrap() {
        text.push_str(&piece);
    }
    let is_checkpoint = |line: &&str| line.starts_with("{\"checkpoint\"");
    assert_eq!(text.lines().filter(is_checkpoint).count(), 2, "{text}");
}

#[tokio::test]
async fn a_server_that_could_not_start_is_not_told_of_as_stopped() {
    let storage = Arc::new(MemoryStorage::default());
    let key = crate::safety::audit::SigningKey::of_tests();
    let parts = Parts {
        registry: registry(),
        storage: Arc::<MemoryStorage>::clone(&storage),
        clock: SystemClock::shared(),
        metrics: Metrics::default(),
        audit_key: key.clone(),
        config_source: None,
    };
    let wrong = config("modules:\n  connector.fake: { fails: init }\n");
    Runtime::start(parts, wrong).await.unwrap_err();
    let reader = crate::safety::audit::Reader::open(storage, key)
        .await
        .unwrap();
    let filter = crate::safety::audit::AuditFilter::default();
    assert_eq!(reader.list(&filter, None, 10).await.unwrap().0, []);
}

#[tokio::test]
async fn a_reload_is_audited_under_the_name_of_whoever_asked_for_it() {
    let mut runtime = start(BOTH).await.unwrap();
    let (system, audit) = (runtime.system().clone(), runtime.audit().clone());
    let mut requests = runtime.take_requests().unwrap();
    let answering = async {
        let Some(Request::Reload { by, answer }) = requests.recv().await else {
            panic!("no reload was asked for")
        };
        let fewer = config("modules:\n  enricher.fake: {}\n");
        let report = runtime.reload_by(&by, fewer).await.unwrap();
        answer.send(Ok(report)).unwrap();
        by
    };
    let (asked, by) = tokio::join!(system.reload("ann"), answering);
    asked.unwrap();
    let wrong = config("modules:\n  connector.fake: { fails: new }\n");
    runtime.reload_by(&by, wrong).await.unwrap_err();
    runtime.stop().await;
    let filter = crate::safety::audit::AuditFilter {
        actor: Some("ann".into()),
        ..crate::safety::audit::AuditFilter::default()
    };
    let (entries, _) = audit.list(&filter, None, 10).await.unwrap();
    let actions: Vec<_> = entries.iter().rev().map(|entry| &*entry.action).collect();
    assert_eq!(actions, ["config.reloaded", "config.refused"]);
}
