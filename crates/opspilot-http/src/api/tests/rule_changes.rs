//! Changes of rules over the API: a file in a folder of its own, and a runtime that takes every configuration.

use std::fs;
use std::time::Duration;

use opspilot_core::config::Environment;
use opspilot_core::module::{ConfigSource, Factory, Registry, ReloadReport, Request, Requests};
use opspilot_core::safety::credentials::NewKey;
use opspilot_core::safety::identity::{Identity, Kind, Method, Role};
use opspilot_net::testing::Reply;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::access::auth;
use super::rules::Finder;
use super::{Fixture, Setup};

const FILE: &str = "# kept\nmodules:\n  detector.regex:\n    rules:\n      # above\n      - id: oom # one\n        word: \
                    killed\n        tests: [was killed]\n      - { id: same, word: x }\n# s3cret\n";

struct Desk {
    api: Fixture,
    folder: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(&path, FILE).unwrap();
        let registry = Registry::default().with([Factory::of::<Finder<false>>()]);
        let mut api = Fixture::with(Setup {
            auth: auth(),
            built_in: Some((registry, FILE)),
            source: Some(ConfigSource {
                path,
                environment: Environment::default(),
            }),
            ..Setup::default()
        })
        .await;
        let requests = api.requests.take().unwrap();
        api.cx.tasks.spawn("runtime", obey(requests));
        Self { api, folder }
    }

    fn read(&self) -> String {
        fs::read_to_string(self.folder.path().join("config.yaml")).unwrap()
    }

    async fn key(&self, label: &str, role: Role, kind: Kind) -> String {
        let new = NewKey {
            label: label.into(),
            role,
            kind,
            life: Duration::from_hours(1),
        };
        let root = Identity::vouch("root", Role::Admin, Kind::Human, Method::ApiKey);
        let credentials = &self.api.bench.access.credentials;
        let (_, text) = credentials.create_key(&root, new).await.unwrap();
        format!("X-API-Key: {}", text.expose())
    }

    async fn get(&self, key: &str, path: &str) -> Reply {
        self.api.ask(&[&format!("GET /api{path}"), key], b"").await
    }

    async fn post(&self, key: &str, path: &str, body: &Value) -> Reply {
        let head = format!("POST /api{path}");
        let head = [head.as_str(), key, "Content-Type: application/json"];
        self.api.ask(&head, body.to_string().as_bytes()).await
    }
}

async fn obey(mut requests: Requests) {
    while let Some(Request::Reload { answer, .. }) = requests.recv().await {
        answer.send(Ok(ReloadReport::default())).ok();
    }
}

fn wish(rule: &str) -> Value {
    json!({ "detector": "detector.regex", "id": "oom", "rule": rule, "reason": "because" })
}

#[tokio::test]
async fn a_change_is_read_tried_proposed_and_approved_by_another() {
    let desk = Desk::new().await;
    let ann = desk.key("ann", Role::Admin, Kind::Human).await;
    let bob = desk.key("bob", Role::Admin, Kind::Human).await;
    let reply = desk
        .get(&ann, "/rules/text?detector=detector.regex&id=oom")
        .await;
    let rule = reply.json()["rule"].as_str().unwrap().to_owned();
    assert_eq!(rule, "id: oom # one\nword: killed\ntests: [was killed]\n");
    let new = rule.replace("word: killed", "word: kill");
    let mut body = wish(&new);
    body.as_object_mut().unwrap().remove("reason");
    let reply = desk.post(&ann, "/rules/changes/preview", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let added = json!({ "kind": "added", "new": 7, "text": "        word: kill" });
    assert_eq!(reply.json()["diff"][2], added);
    assert_eq!(desk.get(&ann, "/rules/changes").await.json()["count"], 0);

    let reply = desk.post(&ann, "/rules/changes", &wish(&new)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert!(!reply.body.contains("s3cret"), "{}", reply.body);
    let change = reply.json();
    assert_eq!(change["evidence"]["tests"], 1);
    let place = format!("/rules/changes/{}", change["id"].as_str().unwrap());
    let seen = json!({ "seen": change["result"] });
    let reply = desk.post(&ann, &format!("{place}/approve"), &seen).await;
    assert_eq!(
        (reply.status, &reply.json()["reason"]),
        (403, &json!("own-proposal"))
    );
    let unseen = json!({ "seen": "0".repeat(64) });
    let reply = desk.post(&bob, &format!("{place}/approve"), &unseen).await;
    assert_eq!(reply.problem(), (409, "not-as-seen".to_owned()));
    assert_eq!(desk.read(), FILE);
    let reply = desk.post(&bob, &format!("{place}/approve"), &seen).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["status"], "applied");
    assert_eq!(desk.read(), FILE.replace("word: killed", "word: kill"));
    let reply = desk
        .post(&bob, &format!("{place}/refuse"), &json!({}))
        .await;
    assert_eq!(reply.problem(), (409, "decided".to_owned()));
    assert_eq!(desk.get(&ann, &place).await.json()["decision"]["by"], "bob");
}

#[tokio::test]
async fn what_waits_for_another_file_is_outdated() {
    let desk = Desk::new().await;
    let ann = desk.key("ann", Role::Admin, Kind::Human).await;
    let bob = desk.key("bob", Role::Admin, Kind::Human).await;
    let change = desk
        .post(&ann, "/rules/changes", &wish("id: oom\nword: a"))
        .await
        .json();
    let edited = format!("{FILE}# by hand\n");
    fs::write(desk.folder.path().join("config.yaml"), &edited).unwrap();
    let listed = desk
        .get(&bob, "/rules/changes?status=proposed")
        .await
        .json();
    assert_eq!(listed["changes"][0]["status"], "outdated");
    let place = format!("/rules/changes/{}", change["id"].as_str().unwrap());
    assert_eq!(desk.get(&bob, &place).await.json()["status"], "outdated");
    let seen = json!({ "seen": change["result"] });
    let reply = desk.post(&bob, &format!("{place}/approve"), &seen).await;
    assert_eq!(reply.problem(), (409, "outdated".to_owned()));
    assert_eq!(desk.read(), edited);
    assert_eq!(
        desk.get(&bob, "/rules/changes?status=proposed")
            .await
            .json()["count"],
        0
    );
}

#[tokio::test]
async fn what_cannot_be_proposed_is_refused_with_its_reason() {
    let desk = Desk::new().await;
    let ann = desk.key("ann", Role::Admin, Kind::Human).await;
    let with = |key: &str, value: Value| {
        let mut body = wish("id: oom\nword: a");
        body[key] = value;
        body
    };
    let rows = [
        (wish("id: oom\nwrod: a"), 422, "rule-invalid"),
        (wish("id: oom\nword: a\ntests: [b]"), 422, "rule-invalid"),
        (wish("id: oom\nword: ${HOME}"), 422, "rule-invalid"),
        (wish("- id: oom\n  word: a"), 422, "rule-invalid"),
        (with("seen", json!("0".repeat(64))), 409, "not-as-seen"),
        (with("seen", json!("x")), 400, "invalid-request"),
        (wish("id: same\nword: a"), 409, "not-now"),
        (
            wish("id: oom # one\nword: killed\ntests: [was killed]"),
            409,
            "not-now",
        ),
        (with("id", json!("none")), 404, "no-such-rule"),
        (with("detector", json!("ui.api")), 400, "invalid-request"),
        (with("kind", json!("add")), 400, "invalid-request"),
        (with("kind", json!("remove")), 400, "invalid-request"),
        (with("kind", json!("x")), 400, "invalid-request"),
        (with("author", json!("bob")), 400, "invalid-request"),
        (with("reason", json!("")), 400, "invalid-request"),
    ];
    for (body, status, code) in rows {
        let reply = desk.post(&ann, "/rules/changes", &body).await;
        assert_eq!(
            reply.problem(),
            (status, code.to_owned()),
            "{body}: {}",
            reply.body
        );
    }
    let reply = desk
        .post(&ann, "/rules/changes", &wish("id: oom\nwrod: a"))
        .await;
    let faults = reply.json();
    let mut lines = faults["faults"].as_array().unwrap().iter();
    assert!(lines.any(|fault| fault["line"] == 2), "{faults}");
    assert_eq!(desk.read(), FILE);
    let missing = desk.get(&ann, "/rules/text?detector=detector.regex").await;
    assert_eq!(missing.problem(), (400, "invalid-request".to_owned()));
    let unknown = desk.get(&ann, "/rules/changes/none").await;
    assert_eq!(unknown.problem(), (404, "no-such-change".to_owned()));
    let service = desk.key("bot", Role::Admin, Kind::Service).await;
    let change = desk
        .post(&service, "/rules/changes", &wish("id: oom\nword: a"))
        .await;
    assert_eq!(change.status, 201, "{}", change.body);
    let place = format!("/rules/changes/{}", change.json()["id"].as_str().unwrap());
    let by_service = desk
        .post(&service, &format!("{place}/refuse"), &json!({}))
        .await;
    assert_eq!(by_service.problem(), (403, "forbidden".to_owned()));
    let back = desk
        .post(&ann, &format!("{place}/withdraw"), &json!({}))
        .await;
    assert_eq!(back.json()["status"], "withdrawn");
}
