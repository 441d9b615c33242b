//! Against a small API server of the tests' own that follows the rules of the real one for what is used here: objects have
//! a uid, a generation that grows when what is meant changes, and a resource version that grows always; a dry run answers
//! like the change and stores nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opspilot_core::safety::catalogue::{ActionType as _, Effect};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::safe::deed::World;
use crate::safe::offered::Offered;
use crate::safe::testing::{action, arguments, catalogue, offer, world};

const WEB: &str = "/apis/apps/v1/namespaces/prod/deployments/web";
const POD: &str = "/api/v1/namespaces/prod/pods/web-0";

/// The objects by path.
#[derive(Debug, Clone, Default)]
struct ApiServer(Arc<Mutex<BTreeMap<String, Json>>>);

impl ApiServer {
    fn with_objects() -> Self {
        let metadata = |name: &str, uid: &str| json!({ "name": name, "namespace": "prod", "uid": uid, "generation": 5, "resourceVersion": "100" });
        let web = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("web", "u-1"),
                          "spec": { "replicas": 2, "template": { "metadata": { "labels": { "app": "web" } } } },
                          "status": { "readyReplicas": 2 } });
        let pod =
            json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata("web-0", "u-2") });
        let objects = BTreeMap::from([(WEB.to_owned(), web), (POD.to_owned(), pod)]);
        Self(Arc::new(Mutex::new(objects)))
    }

    fn get(&self, path: &str) -> Option<Json> {
        self.0.lock().unwrap().get(path).cloned()
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Json)) {
        change(self.0.lock().unwrap().get_mut(path).unwrap());
    }

    fn answer(&self, request: &Request) -> Result<Json, (u16, &'static str)> {
        if request
            .headers
            .get("authorization")
            .is_none_or(|value| value != "Bearer t0ken")
        {
            return Err((401, "Unauthorized"));
        }
        let path = request.url.path();
        let is_scale = path.ends_with("/scale");
        let path = path.trim_end_matches("/scale");
        let mut objects = self.0.lock().unwrap();
        let found = objects.get(path).cloned().ok_or((404, "NotFound"))?;
        let is_dry = request
            .url
            .query_pairs()
            .any(|pair| pair == ("dryRun".into(), "All".into()));
        match request.method.as_str() {
            "GET" => Ok(found),
            "PATCH" => {
                if request.headers["content-type"] != "application/merge-patch+json" {
                    return Err((415, "UnsupportedMediaType"));
                }
                let manager = request
                    .url
                    .query_pairs()
                    .find(|(key, _)| key == "fieldManager");
                assert_eq!(manager.unwrap().1, "opspilot");
                let mut changed = found.clone();
                merge(&mut changed, &request.body_json().unwrap());
                if changed["spec"] != found["spec"] {
                    changed["metadata"]["generation"] =
                        json!(found["metadata"]["generation"].as_i64().unwrap() + 1);
                }
                if !is_dry {
                    objects.insert(path.to_owned(), changed.clone());
                }
                Ok(match is_scale {
                    true => {
                        json!({ "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": changed["metadata"],
                                    "spec": { "replicas": changed["spec"]["replicas"] } })
                    }
                    false => changed,
                })
            }
            "DELETE" => {
                let options: Json = request.body_json().unwrap_or_default();
                if !is_dry && options["dryRun"] != json!(["All"]) {
                    objects.remove(path);
                }
                Ok(found)
            }
            _ => Err((405, "MethodNotAllowed")),
        }
    }
}

impl Respond for ApiServer {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        match self.answer(request) {
            Ok(object) => ResponseTemplate::new(200).set_body_json(object),
            Err((code, reason)) => ResponseTemplate::new(code).set_body_json(json!({
                "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
                "message": format!("the server says {reason}"),
            })),
        }
    }
}

/// RFC 7386.
fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        match value {
            Json::Null => drop(target.as_object_mut().unwrap().remove(name)),
            _ => merge(&mut target[name], value),
        }
    }
}

struct Place {
    api: ApiServer,
    _server: MockServer,
    folder: TempDir,
    world: World,
}

async fn place() -> Place {
    let (api, server) = (ApiServer::with_objects(), MockServer::start().await);
    Mock::given(any())
        .respond_with(api.clone())
        .mount(&server)
        .await;
    let folder = TempDir::new().unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{ "name": "test", "cluster": { "server": server.uri() } }],
        "users": [{ "name": "test", "user": { "token": "t0ken" } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
    });
    std::fs::write(folder.path().join("config"), config.to_string()).unwrap();
    let (world, ..) = world().await;
    Place {
        api,
        _server: server,
        folder,
        world,
    }
}

impl Place {
    fn offer(&self, run: &Json) -> Offered {
        let mut run = run.clone();
        run["type"] = json!("kubernetes");
        run["namespace"] = json!("prod");
        run["kubeconfig"] = json!(self.folder.path().join("config").display().to_string());
        let mut options = json!({ "run": run });
        if run["replicas"] == "{n}" {
            options["parameters"] = json!({ "n": { "type": "integer", "min": 1, "max": 5 } });
        }
        offer(&options, &self.world)
    }
}

#[tokio::test]
async fn a_rollout_is_restarted_after_a_dry_run_that_changes_nothing() {
    let place = place().await;
    let offered =
        place.offer(&json!({ "verb": "rolloutRestart", "kind": "deployment", "name": "web" }));
    let before = place.api.get(WEB);
    let dry = offered
        .dry_run(&arguments(&json!({})))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        dry,
        "deployment prod/web would be rolled out as generation 6"
    );
    assert_eq!(place.api.get(WEB), before);
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert_eq!(
        (outcome.succeeded, outcome.summary.as_str()),
        (true, "deployment prod/web is rolled out as generation 6")
    );
    let after = place.api.get(WEB).unwrap();
    let annotations = &after["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(
        annotations["kubectl.kubernetes.io/restartedAt"],
        "2001-09-09T01:46:40.000Z"
    );
    assert_eq!(
        after["spec"]["template"]["metadata"]["labels"]["app"],
        "web"
    );
}

#[tokio::test]
async fn a_workload_is_scaled_within_its_bounds() {
    let place = place().await;
    let offered = place
        .offer(&json!({ "verb": "scale", "kind": "deployment", "name": "web", "replicas": "{n}" }));
    let given = json!({ "n": 4 });
    let dry = offered.dry_run(&arguments(&given)).await.unwrap().unwrap();
    assert_eq!(dry, "deployment prod/web would be scaled to 4 replicas");
    assert_eq!(place.api.get(WEB).unwrap()["spec"]["replicas"], 2);
    let outcome = offered.perform(&action(&offered, &given)).await;
    assert!(outcome.succeeded, "{outcome:?}");
    assert_eq!(place.api.get(WEB).unwrap()["spec"]["replicas"], 4);
    let outcome = offered.perform(&action(&offered, &json!({ "n": 6 }))).await;
    assert!(
        !outcome.succeeded && outcome.summary.contains("from 1 to 5"),
        "{outcome:?}"
    );
    assert_eq!(place.api.get(WEB).unwrap()["spec"]["replicas"], 4);
}

#[tokio::test]
async fn a_pod_is_deleted_after_a_dry_run_that_leaves_it() {
    let place = place().await;
    let offered = place.offer(&json!({ "verb": "delete", "kind": "pod", "name": "web-0" }));
    let dry = offered
        .dry_run(&arguments(&json!({})))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(dry, "pod prod/web-0 would be deleted");
    assert!(place.api.get(POD).is_some());
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert_eq!(outcome.summary, "pod prod/web-0 is deleted");
    assert_eq!(place.api.get(POD), None);
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert_eq!(
        outcome.summary,
        "pod prod/web-0 is not changed: 404 NotFound: the server says NotFound"
    );
    assert!(!outcome.succeeded);
}

#[tokio::test]
async fn what_an_action_rests_on_is_not_disturbed_by_what_happens_all_the_time() {
    let place = place().await;
    let offered =
        place.offer(&json!({ "verb": "rolloutRestart", "kind": "deployment", "name": "web" }));
    let seen = async || offered.observe(&arguments(&json!({}))).await;
    assert_eq!(seen().await, Ok(Some("uid=u-1 generation=5".to_owned())));
    place.api.change(WEB, |web| {
        web["metadata"]["resourceVersion"] = json!("101");
        web["status"]["readyReplicas"] = json!(1);
    });
    assert_eq!(seen().await, Ok(Some("uid=u-1 generation=5".to_owned())));
    place
        .api
        .change(WEB, |web| web["metadata"]["generation"] = json!(6));
    assert_eq!(seen().await, Ok(Some("uid=u-1 generation=6".to_owned())));
    place
        .api
        .change(WEB, |web| web["metadata"]["uid"] = json!("u-9"));
    assert_eq!(seen().await, Ok(Some("uid=u-9 generation=6".to_owned())));
    let gone = place.offer(&json!({ "verb": "delete", "kind": "pod", "name": "gone" }));
    let error = gone
        .observe(&arguments(&json!({})))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "cannot see pod prod/gone: 404 NotFound: the server says NotFound"
    );
}

#[tokio::test]
async fn a_login_that_starts_a_program_or_skips_the_certificate_is_refused() {
    let place = place().await;
    let offered = place.offer(&json!({ "verb": "delete", "kind": "pod", "name": "web-0" }));
    let path = place.folder.path().join("config");
    let original: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut starts = original.clone();
    let touched = place.folder.path().join("touched");
    starts["users"][0]["user"] = json!({ "exec": { "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/usr/bin/touch", "args": [touched.display().to_string()], "interactiveMode": "Never" } });
    std::fs::write(&path, starts.to_string()).unwrap();
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert!(
        outcome.summary.contains("it starts a program to log in"),
        "{outcome:?}"
    );
    assert!(!touched.exists());
    let mut unchecked = original;
    unchecked["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = json!(true);
    std::fs::write(&path, unchecked.to_string()).unwrap();
    let outcome = offered.perform(&action(&offered, &json!({}))).await;
    assert!(
        outcome
            .summary
            .contains("its certificate would not be checked"),
        "{outcome:?}"
    );
    assert!(place.api.get(POD).is_some());
}

#[tokio::test]
async fn the_plan_shows_the_request() {
    let place = place().await;
    let offered = place
        .offer(&json!({ "verb": "scale", "kind": "deployment", "name": "web", "replicas": "3" }));
    let plan = offered.plan(&arguments(&json!({}))).unwrap();
    let expected = Effect::Request {
        method: "PATCH".to_owned(),
        url: format!("{WEB}/scale"),
        headers: Vec::new(),
        body: Some(r#"{"spec":{"replicas":3}}"#.to_owned()),
    };
    assert_eq!(
        (plan.target.as_str(), plan.effect),
        ("deployment prod/web", expected)
    );
    assert_eq!(plan.touches, ["scale deployment prod/web to 3 replicas"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (run, expected) in [
        (
            json!({ "verb": "scale", "kind": "deployment", "name": "web" }),
            "replicas: is missing",
        ),
        (
            json!({ "verb": "scale", "kind": "daemonSet", "name": "web", "replicas": "1" }),
            "kind: cannot be scaled",
        ),
        (
            json!({ "verb": "scale", "kind": "deployment", "name": "web", "replicas": "-1" }),
            "replicas: must be a number",
        ),
        (
            json!({ "verb": "scale", "kind": "deployment", "name": "web", "replicas": "1{n}" }),
            "no parameter `n`",
        ),
        (
            json!({ "verb": "delete", "kind": "deployment", "name": "web" }),
            "kind: is not deleted",
        ),
        (
            json!({ "verb": "rolloutRestart", "kind": "pod", "name": "web" }),
            "kind: has no rollout",
        ),
        (
            json!({ "verb": "delete", "kind": "pod", "name": "../secrets/x" }),
            "name: must be the name of an object",
        ),
        (
            json!({ "verb": "delete", "kind": "pod", "name": "web", "context": "a" }),
            "context: needs `kubeconfig`",
        ),
        (
            json!({ "verb": "delete", "kind": "pod", "name": "web", "kubeconfig": "config" }),
            "kubeconfig: must be an absolute",
        ),
    ] {
        let mut run = run;
        run["type"] = json!("kubernetes");
        run["namespace"] = json!("prod");
        let fault = catalogue(&json!({ "it": { "run": run } })).unwrap_err();
        assert!(fault.contains(expected), "{fault}");
    }
}

#[test]
fn values_cannot_lead_to_another_object() {
    let options = json!({
        "run": { "type": "kubernetes", "verb": "delete", "namespace": "prod", "kind": "pod", "name": "{x}" },
        "parameters": { "x": { "type": "string", "pattern": ".*" } },
    });
    let prepared = crate::safe::testing::entry(&options);
    for hostile in [
        "../secrets/x",
        "a/b",
        "a?dryRun=All",
        "a%2fb",
        "",
        ".",
        "..",
        "A",
        "a b",
        "a_b",
        "-a",
    ] {
        let values = prepared
            .parameters
            .check(&arguments(&json!({ "x": hostile })))
            .unwrap();
        let faults = prepared.deed.plan(&values).unwrap_err();
        assert_eq!(
            faults,
            ["the values make no name of an object"],
            "{hostile}"
        );
    }
}
