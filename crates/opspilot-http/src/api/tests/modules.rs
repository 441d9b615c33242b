//! One module, another start of it, and the configuration read again, with a runtime that the test plays.

use async_trait::async_trait;
use opspilot_core::config::Secret;
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{
    BuildError, Category, Context, Factory, FailedStart, Manifest, Module, Registry, ReloadError,
    ReloadReport, Request, RestartError, RunError,
};
use opspilot_core::safety::identity::{Kind, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Fixture, Setup, configuration};

const SEEN: MetricSpec = MetricSpec::counter("opspilot_seen_total", &["kind"], "Seen.");

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    /// A secret.
    token: Secret,
    /// A place.
    folder: String,
}

/// A module that does nothing.
struct Idle;

#[async_trait]
impl Module for Idle {
    const MANIFEST: Manifest = Manifest {
        emits: &["log.ingested"],
        metrics: &[SEEN],
        ..Manifest::new("connector.idle", Category::Connector, "Waits.")
    };

    type Config = Options;

    fn new(_: Options) -> Result<Self, BuildError> {
        Ok(Self)
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.cancel.cancelled().await;
        Ok(())
    }
}

fn registry() -> Registry {
    Registry::default().with([Factory::of::<Idle>()])
}

async fn api() -> Fixture {
    let yaml = "modules:\n  connector.idle: { token: s3cret-token, folder: /var/log }\n";
    let api = Fixture::with(Setup {
        built_in: Some((registry(), yaml)),
        ..Setup::default()
    })
    .await;
    let cx = api.bench.context(&Idle::MANIFEST);
    cx.health.detail("files", 3);
    cx.metrics.counter(&SEEN, &[("kind", "file")]).inc_by(7);
    api
}

/// Lets the runtime that the test plays answer one request.
async fn answer(api: &mut Fixture, obey: impl FnOnce(Request)) {
    let requests = api.requests.as_mut().unwrap();
    obey(requests.recv().await.unwrap());
}

#[tokio::test]
async fn a_module_shows_its_state_its_figures_and_its_options_without_secrets() {
    let api = api().await;
    let reply = api.get("/modules/connector.idle").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let body = reply.json();
    assert_eq!(body["id"], "connector.idle");
    assert_eq!(body["enabled"], true);
    assert_eq!(body["emits"], json!(["log.ingested"]));
    assert_eq!(body["status"]["state"], "running");
    assert_eq!(body["status"]["details"], json!({ "files": 3 }));
    let options = json!({ "token": "[redacted]", "folder": "/var/log" });
    assert_eq!(body["configuration"], options);
    let seen = json!([{ "name": "opspilot_seen_total", "labels": { "kind": "file" }, "value": 7 }]);
    assert_eq!(body["metrics"], seen);
    assert!(!reply.body.contains("s3cret"), "{}", reply.body);
}

#[tokio::test]
async fn a_module_that_is_off_and_one_that_does_not_exist_are_told_apart() {
    let api = Fixture::with(Setup {
        built_in: Some((
            registry(),
            "modules:\n  connector.idle: { enabled: false }\n",
        )),
        ..Setup::default()
    })
    .await;
    let body = api.get("/modules/connector.idle").await.json();
    assert_eq!(
        (&body["enabled"], &body["status"]),
        (&json!(false), &json!(null))
    );
    assert_eq!(api.get("/modules/core").await.json()["enabled"], true);
    for id in ["none", "connector.idl", "%00", "..%2fcore"] {
        let reply = api.get(&format!("/modules/{id}")).await;
        assert_eq!(reply.problem(), (404, "no-such-module".into()), "{id}");
    }
}

#[tokio::test]
async fn a_restart_is_asked_for_in_the_callers_name_and_answered_when_it_is_over() {
    let mut api = api().await;
    let address = api.address;
    let head = ["POST /api/modules/connector.idle/restart"];
    let asking = opspilot_net::testing::ask(address, &head, b"");
    let answering = answer(&mut api, |request| match request {
        Request::Restart { module, by, answer } => {
            assert_eq!((&*module, &*by), ("connector.idle", "operator@127.0.0.1"));
            answer.send(Ok(())).unwrap();
        }
        other @ Request::Reload { .. } => panic!("{other:?}"),
    });
    let (reply, ()) = tokio::join!(asking, answering);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["module"]["state"], "running");
}

#[tokio::test]
async fn each_reason_why_a_module_is_not_restarted_has_its_code() {
    let name = || "connector.idle".to_owned();
    let reason = || "cannot bind `x`".to_owned();
    let rows = [
        (RestartError::Unknown(name()), 404, "no-such-module"),
        (RestartError::Off(name()), 409, "not-now"),
        (RestartError::NotAlone(name()), 409, "not-alone"),
        (
            RestartError::Failed {
                module: name(),
                reason: reason(),
            },
            409,
            "module-failed",
        ),
        (RestartError::Stopping, 503, "stopping"),
    ];
    let mut api = api().await;
    for (error, status, code) in rows {
        let detail = error.to_string();
        let head = ["POST /api/modules/connector.idle/restart"];
        let asking = opspilot_net::testing::ask(api.address, &head, b"");
        let answering = answer(&mut api, |request| match request {
            Request::Restart { answer, .. } => answer.send(Err(error)).unwrap(),
            other @ Request::Reload { .. } => panic!("{other:?}"),
        });
        let (reply, ()) = tokio::join!(asking, answering);
        assert_eq!(reply.problem(), (status, code.to_owned()));
        assert_eq!(reply.json()["detail"], detail);
    }
}

async fn reloaded(
    api: &mut Fixture,
    outcome: Result<ReloadReport, ReloadError>,
) -> opspilot_net::testing::Reply {
    let head = ["POST /api/reload"];
    let asking = opspilot_net::testing::ask(api.address, &head, b"");
    let answering = answer(api, |request| match request {
        Request::Reload { answer, .. } => answer.send(outcome).unwrap(),
        other @ Request::Restart { .. } => panic!("{other:?}"),
    });
    tokio::join!(asking, answering).0
}

#[tokio::test]
async fn a_reload_tells_what_changed_and_what_does_not_start() {
    let mut api = api().await;
    let mut report = ReloadReport {
        restarted: vec!["connector.idle".into()],
        needs_restart: vec!["storage".into()],
        warnings: vec!["test.yaml:1:1: doubtful".into()],
        ..ReloadReport::default()
    };
    let reply = reloaded(&mut api, Ok(report.clone())).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json(), serde_json::to_value(&report).unwrap());
    report.failed.push(FailedStart {
        module: "connector.idle".into(),
        reason: "cannot bind `x`".into(),
    });
    let reply = reloaded(&mut api, Ok(report)).await;
    assert_eq!(reply.problem(), (409, "module-failed".into()));
    assert_eq!(
        reply.json()["report"]["restarted"],
        json!(["connector.idle"])
    );
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .contains("cannot bind `x`")
    );
}

#[tokio::test]
async fn a_reload_names_every_fault_with_its_place() {
    let mut api = api().await;
    let yaml = "modules:\n  connector.idle: { foldr: x }\nlogging: { level: 7 }\n";
    let known = registry().known_modules();
    let path = std::path::Path::new("test.yaml");
    let environment = opspilot_core::config::Environment::default();
    let errors = opspilot_core::config::load_text(yaml, path, &environment, &known).unwrap_err();
    let reply = reloaded(&mut api, Err(ReloadError::Invalid(errors))).await;
    assert_eq!(reply.problem(), (422, "configuration-invalid".into()));
    let faults = &reply.json()["faults"];
    assert_eq!(faults[0]["line"], 2, "{faults}");
    assert_eq!(faults[0]["key"], "modules.\"connector.idle\".foldr");
    assert_eq!(faults[1]["line"], 3, "{faults}");
    // The configuration that is in use stays the one that is shown.
    let shown = api.get("/modules/connector.idle").await.json();
    assert_eq!(shown["configuration"]["folder"], "/var/log");
    api.bench
        .set_config(configuration("modules: {}\n", &registry()));
    let shown = api.get("/modules/connector.idle").await.json();
    assert_eq!(shown["configuration"], json!(null));
}

#[tokio::test]
async fn viewers_read_modules_and_restart_none() {
    let api = super::access::guarded_by_default().await;
    let (viewer, _) = api.key(Role::Viewer, Kind::Human).await;
    let reply = api.ask(&["GET /api/modules/core", &viewer], b"").await;
    assert_eq!(reply.status, 200);
    let reply = api
        .ask(&["POST /api/modules/core/restart", &viewer], b"")
        .await;
    assert_eq!(reply.problem(), (403, "forbidden".into()));
}
