//! Setting a server up: offers, trials, what the file would be, and saving it.

mod refused;

use std::path::PathBuf;

use async_trait::async_trait;
use opspilot_core::config::{Environment, Secret};
use opspilot_core::module::{
    BuildError, Category, ConfigSource, Context, Factory, Manifest, Module, Offer, Registry,
    ReloadReport, Request, RunError, Trial, TrialContext,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Fixture, Setup, strings};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    /// Where to read.
    paths: Vec<PathBuf>,
    /// A secret.
    token: Option<Secret>,
}

/// A source that reads folders.
struct Reader(Options);

#[async_trait]
impl Module for Reader {
    const MANIFEST: Manifest = Manifest::new("connector.fileTail", Category::Connector, "Reads.");
    type Config = Options;

    fn new(options: Options) -> Result<Self, BuildError> {
        Ok(Self(options))
    }

    fn offers() -> Vec<Offer> {
        vec![Offer {
            name: "/srv".into(),
            note: None,
            options: json!({ "paths": ["/srv"] }),
        }]
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        let mut trials = Vec::new();
        for path in self.0.paths.clone() {
            let found = match path.exists() {
                true => Ok(None),
                false => Err("it is not there".to_owned()),
            };
            let name = path.display().to_string();
            trials.push(cx.attempt(name, async { found }).await);
        }
        trials
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.cancel.cancelled().await;
        Ok(())
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct Channels {
    /// Channels.
    channels: Vec<Channel>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its form matters")]
struct Channel {
    id: String,
    r#type: String,
    events: Vec<String>,
    webhook_url: Secret,
}

struct Teller;

#[async_trait]
impl Module for Teller {
    const MANIFEST: Manifest = Manifest::new("notifier.channels", Category::Notifier, "Tells.");
    type Config = Channels;

    fn new(_: Channels) -> Result<Self, BuildError> {
        Ok(Self)
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.cancel.cancelled().await;
        Ok(())
    }
}

const FILE: &str = "\
# of the house
modules:
  connector.fileTail:
    enabled: false
    token: s3cret-token
  notifier.channels:
    channels:
      - { id: old, type: webhook, events: [], webhookUrl: http://h/s3cret }
";

/// A folder whose name is not hidden: sources may be read in it.
fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("opspilot-").tempdir();
    folder.unwrap()
}

fn hook(id: &str, url: &str) -> Value {
    json!({ "id": id, "type": "webhook", "events": ["incident.created"], "webhookUrl": url })
}

async fn api(folder: &TempDir, text: Option<&str>) -> Fixture {
    let path = folder.path().join("config.yaml");
    if let Some(text) = text {
        std::fs::write(&path, text).unwrap();
    }
    let registry = Registry::default().with([Factory::of::<Reader>(), Factory::of::<Teller>()]);
    Fixture::with(Setup {
        built_in: Some((registry, "modules: {}\n")),
        source: Some(ConfigSource {
            path,
            environment: Environment::from_iter([("HOOK", "http://127.0.0.1:9/x")]),
        }),
        ..Setup::default()
    })
    .await
}

/// The changed lines of a preview, with their signs.
fn changed(preview: &Value) -> Vec<String> {
    let lines = preview["diff"].as_array().unwrap().iter();
    let line = |line: &Value| match line["kind"].as_str().unwrap() {
        "added" => Some(format!("+{}", line["text"].as_str().unwrap())),
        "removed" => Some(format!("-{}", line["text"].as_str().unwrap())),
        _ => None,
    };
    lines.filter_map(line).collect()
}

#[tokio::test]
async fn a_fresh_server_shows_what_there_is_and_is_not_ready() {
    let folder = folder();
    let api = api(&folder, None).await;
    let body = api.get("/setup").await.json();
    assert_eq!(body["file"]["digest"], json!(null));
    assert_eq!(body["file"].get("obstacle"), None, "{body:#}");
    assert_eq!(strings(&body["sources"], "id"), ["connector.fileTail"]);
    assert_eq!(body["sources"][0]["offers"][0]["name"], "/srv");
    assert_eq!(body["sources"][0]["running"], false);
    assert_eq!(body["readiness"]["ready"], false);
    assert!(body["readiness"]["percent"].as_u64().unwrap() < 50);
}

#[tokio::test]
async fn a_source_is_tried_before_it_is_saved() {
    let folder = folder();
    let api = api(&folder, Some(FILE)).await;
    let with = |path: &str| json!({ "sources": { "connector.fileTail": { "paths": [path] } } });
    let missing = api.post("/setup/try", &with("/none").to_string()).await;
    let expected = json!([{ "module": "connector.fileTail", "name": "/none", "ok": false, "fault": "it is not there" }]);
    assert_eq!(
        missing.json(),
        json!({ "ok": false, "faults": [], "trials": expected })
    );
    let there = folder.path().to_str().unwrap();
    let good = api.post("/setup/try", &with(there).to_string()).await;
    assert_eq!(good.json()["ok"], true, "{}", good.body);
    let faulty = json!({ "sources": {}, "channels": [hook("a", "${NOT_SET}")] });
    let faulty = api.post("/setup/try", &faulty.to_string()).await.json();
    assert!(
        faulty["faults"].to_string().contains("NOT_SET"),
        "{faulty:#}"
    );
    assert_eq!(
        (&faulty["ok"], &faulty["trials"]),
        (&json!(false), &json!([]))
    );
    let entries = api.get("/audit").await.json();
    assert!(
        strings(&entries["entries"], "actor")
            .iter()
            .all(|actor| actor == "operator@127.0.0.1")
    );
    let mut actions = strings(&entries["entries"], "action");
    actions.reverse();
    assert_eq!(actions, ["setup.trying", "setup.tried"].repeat(3));
    let outcomes = entries["entries"].as_array().unwrap().iter();
    let outcomes: Vec<_> = outcomes
        .filter_map(|entry| entry["details"]["outcome"].as_str())
        .collect();
    assert_eq!(outcomes, ["faults", "works", "fails"]);
}

#[tokio::test]
async fn a_preview_shows_what_would_change_and_no_secret() {
    let folder = folder();
    let api = api(&folder, Some(FILE)).await;
    let wish = json!({
        "sources": { "connector.fileTail": { "paths": ["/srv/x"] } },
        "channels": [hook("hook", "${HOOK}")],
    });
    let reply = api.post("/setup/preview", &wish.to_string()).await;
    assert!(!reply.body.contains("s3cret"), "{}", reply.body);
    let body = reply.json();
    let expected = [
        "-    enabled: false",
        "+    paths: [/srv/x]",
        "+    enabled: true",
        "+    enabled: true",
        "+      - { id: hook, type: webhook, events: [incident.created], webhookUrl: \"${HOOK}\" }",
    ];
    let mut found = changed(&body);
    found.sort();
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(found, expected, "{body:#}");
    assert_eq!((&body["ok"], &body["faults"]), (&json!(true), &json!([])));
    assert_eq!(
        body["modules"],
        json!(["notifier.channels", "connector.fileTail"])
    );
    assert!(body["warnings"].to_string().contains("token"), "{body:#}");
    // Nothing was written.
    let text = std::fs::read_to_string(folder.path().join("config.yaml")).unwrap();
    assert_eq!(text, FILE);
    let twice = json!({ "channels": [hook("a", "${NOT_SET}")] });
    let faulty = api.post("/setup/preview", &twice.to_string()).await.json();
    assert_eq!(faulty["ok"], false);
    assert!(
        faulty["faults"].to_string().contains("NOT_SET"),
        "{faulty:#}"
    );
}

#[tokio::test]
async fn what_was_seen_is_replaced_in_the_callers_name_and_nothing_else_is() {
    let folder = folder();
    let mut api = api(&folder, Some(FILE)).await;
    let path = folder.path().join("config.yaml");
    let digest = api.get("/setup").await.json()["file"]["digest"].clone();
    let wish = |expected: &Value| {
        let sources = json!({ "connector.fileTail": { "paths": ["/srv"] } });
        json!({ "sources": sources, "expected": expected }).to_string()
    };
    for other in [json!(null), json!("0".repeat(64))] {
        let refused = api.post("/setup/save", &wish(&other)).await;
        assert_eq!(refused.problem(), (409, "configuration-changed".into()));
    }
    for wrong in [json!("x"), json!(7)] {
        let refused = api.post("/setup/save", &wish(&wrong)).await;
        assert_eq!(refused.problem().0, 400);
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), FILE);
    let (address, body) = (api.address, wish(&digest));
    let head = ["POST /api/setup/save", "Content-Type: application/json"];
    let asking = opspilot_net::testing::ask(address, &head, body.as_bytes());
    let requests = api.requests.as_mut().unwrap();
    let answering = async {
        match requests.recv().await.unwrap() {
            Request::Reload { by, answer } => {
                assert_eq!(&*by, "operator@127.0.0.1");
                let report = ReloadReport {
                    started: vec!["connector.fileTail".into()],
                    ..ReloadReport::default()
                };
                answer.send(Ok(report)).unwrap();
            }
            other @ Request::Restart { .. } => panic!("{other:?}"),
        }
    };
    let (reply, ()) = tokio::join!(asking, answering);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["started"], json!(["connector.fileTail"]));
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = FILE.replace("enabled: false", "enabled: true\n    paths: [/srv]");
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&text), sorted(&expected));
}

#[tokio::test]
async fn a_server_without_a_file_says_so() {
    let api = Fixture::new().await;
    let refused = api.get("/setup").await;
    assert_eq!(refused.problem(), (409, "not-now".into()));
    assert!(
        refused.body.contains("no configuration file"),
        "{}",
        refused.body
    );
}
