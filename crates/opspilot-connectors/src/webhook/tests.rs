//! Deliveries over a connection, from the first byte to the stored incident.

mod alertmanager;
mod edge;
mod harness;
mod signatures;

use std::sync::Arc;

use opspilot_core::incident::{Severity, Status};
use opspilot_core::module::Module as _;
use opspilot_core::storage::MemoryStorage;
use opspilot_net::testing::ask;
use proptest::prelude::*;
use serde_json::{Value, json};

use self::harness::{Running, TOKEN, bearer, config, problem};
use super::route::compile;
use super::{Config, Webhook};

const GRAFANA: &str = include_str!("testdata/grafana.json");

fn routes() -> String {
    format!(
        "port: 0
routes:
  - {{ id: am, path: /am, format: alertmanager, auth: {{ type: bearer, token: {TOKEN} }} }}
  - {{ id: gf, path: /gf, format: grafana, auth: {{ type: bearer, token: {TOKEN} }}, severities: {{ critical: info }} }}
  - id: gh
    path: /gh
    format: github
    auth: {{ type: bearer, token: {TOKEN} }}
  - id: any
    path: /any
    format: generic
    map:
      - items: /builds
        when: {{ /state: [failed, passed] }}
        as: incident
        identity: '{{/name}}'
        resolvedWhen: {{ /state: [passed] }}
        title: '{{/name}} failed for {{$/team}}'
        severity: /priority
        severities: {{ P1: critical }}
        attributes: {{ team: $/team }}
      - items: /notes
        when: {{ /text: [hello] }}
        as: log
        line: 'note: {{/text}}'
"
    )
}

fn alert(status: &str, starts_at: &str) -> String {
    json!({"version": "4", "alerts": [{
        "status": status, "fingerprint": "f1", "startsAt": starts_at,
        "labels": {"alertname": "Down", "instance": "a:1", "severity": "page"},
        "annotations": {"summary": "The instance is down"},
    }]})
    .to_string()
}

#[tokio::test]
async fn an_alert_is_created_once_repeated_and_resolved_over_a_restart() {
    let storage = Arc::new(MemoryStorage::default());
    let first = Running::on(Arc::<MemoryStorage>::clone(&storage), &routes()).await;
    let firing = alert("firing", "2026-02-20T12:00:00Z");
    assert_eq!(first.post("/am", &bearer(), &firing).await.status, 204);
    drop(first);
    let second = Running::on(storage, &routes()).await;
    assert_eq!(second.post("/am", &bearer(), &firing).await.status, 204);
    let incidents = second.incidents().await;
    let [incident] = incidents.as_slice() else {
        panic!("{incidents:?}")
    };
    assert_eq!(incident.title, "The instance is down (instance=a:1)");
    assert_eq!(
        (incident.occurrences, incident.severity, incident.status),
        (2, Severity::Critical, Status::Open)
    );
    assert_eq!(incident.context["attributes"]["instance"], "a:1");
    let resolved = alert("resolved", "2026-02-20T12:00:00Z");
    assert_eq!(second.post("/am", &bearer(), &resolved).await.status, 204);
    assert_eq!(second.incidents().await[0].status, Status::Resolved);
    // The same rule later is another incident, and the end of something never seen is counted.
    let later = alert("firing", "2026-02-21T12:00:00Z");
    assert_eq!(second.post("/am", &bearer(), &later).await.status, 204);
    assert_eq!(second.incidents().await.len(), 2);
    let other = later.replace("f1", "f2").replace("firing", "resolved");
    assert_eq!(second.post("/am", &bearer(), &other).await.status, 204);
    let unknown = second.count("opspilot_webhook_signals_total{module=\"connector.webhook\",route=\"am\",kind=\"unknown\"}");
    assert_eq!(unknown, "1", "{}", second.bench.metrics.render());
}

#[tokio::test]
async fn grafana_says_more_and_is_read_alike() {
    let running = Running::new(&routes()).await;
    assert_eq!(running.post("/gf", &bearer(), GRAFANA).await.status, 204);
    let incidents = running.incidents().await;
    assert_eq!(incidents.len(), 1, "the resolved one is unknown");
    let incident = &incidents[0];
    assert_eq!(incident.title, "Disk (instance=db-1, mount=/var)");
    assert_eq!(incident.description, "The disk of db-1 is full.");
    assert_eq!(
        incident.severity,
        Severity::Info,
        "the route's own words win"
    );
    let attributes = &incident.context["attributes"];
    assert_eq!(attributes["silenceUrl"], "http://grafana.example/silence");
    assert_eq!(attributes["runbookUrl"], "http://runbooks.example/disk");
    assert_eq!(attributes.get("dashboardUrl"), None);
    let truncated = running.count("opspilot_webhook_signals_total{module=\"connector.webhook\",route=\"gf\",kind=\"truncated\"}");
    assert_eq!(truncated, "2");
}

#[tokio::test]
async fn github_runs_fail_and_recover_and_other_events_are_lines_taken_once() {
    let mut running = Running::new(&routes()).await;
    let run = |conclusion: &str| {
        json!({"action": "completed", "repository": {"full_name": "o/r"}, "sender": {"login": "me"},
            "workflow_run": {"name": "CI", "head_branch": "main", "conclusion": conclusion, "html_url": "http://gh/1"}})
        .to_string()
    };
    let headers = |event: &str, delivery: &str| {
        let mut headers = bearer();
        headers.push(format!("X-GitHub-Event: {event}"));
        headers.push(format!("X-GitHub-Delivery: {delivery}"));
        headers
    };
    for (conclusion, delivery, status, occurrences) in [
        ("failure", "1", Status::Open, 1),
        ("failure", "1", Status::Open, 1),
        ("failure", "2", Status::Open, 2),
        ("success", "3", Status::Resolved, 2),
    ] {
        let sent = headers("workflow_run", delivery);
        assert_eq!(
            running.post("/gh", &sent, &run(conclusion)).await.status,
            204
        );
        let incidents = running.incidents().await;
        assert_eq!(incidents.len(), 1);
        let seen = (incidents[0].status, incidents[0].occurrences);
        assert_eq!(seen, (status, occurrences), "{conclusion} {delivery}");
    }
    let push = json!({"ref": "refs/heads/main", "repository": {"full_name": "o/r"}, "sender": {"login": "me"},
        "head_commit": {"message": "fix it\n\nlong"}, "compare": "http://gh/c"});
    let sent = headers("push", "4");
    let body = push.to_string();
    let head: Vec<String> = ["POST /gh", "Content-Type: application/json"]
        .map(str::to_owned)
        .into_iter()
        .chain(sent)
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let address = running.address;
    let look = async {
        let batch = running.logs.recv().await.unwrap();
        let text = batch.get(0).unwrap().text().into_owned();
        (text, batch.attributes(0)["repository"].clone())
    };
    let (reply, (text, repository)) = tokio::join!(ask(address, &head, body.as_bytes()), look);
    assert_eq!(reply.status, 204);
    assert_eq!(text, "[GITHUB] push o/r by me: fix it");
    assert_eq!(repository, "o/r");
    let ping = running
        .post("/gh", &headers("ping", "5"), "{\"zen\": \"x\"}")
        .await;
    assert_eq!(ping.status, 204);
    let without = running.post("/gh", &bearer(), "{}").await;
    assert_eq!(problem(&without).0, 422);
}

#[tokio::test]
async fn a_line_is_acknowledged_only_when_it_is_settled_and_a_failure_is_told() {
    let mut running = Running::new(&(routes() + "timeoutMs: 200\n")).await;
    let body = json!({"builds": [], "notes": [{"text": "hello"}, {"text": "bye"}]}).to_string();
    let reply = running.post("/any", &[], &body).await;
    assert_eq!(problem(&reply).0, 503, "nobody settled it in time");
    assert_eq!(reply.header("retry-after"), "10");
    let batch = running.logs.recv().await.unwrap();
    let texts: Vec<_> = batch
        .iter()
        .map(|record| record.text().into_owned())
        .collect();
    assert_eq!(texts, ["note: hello"]);
    batch.ack().fail();
    let first = batch.end();
    drop(batch);
    let address = running.address;
    let again = async {
        let head = ["POST /any", "Content-Type: application/json"];
        ask(address, &head, body.as_bytes()).await
    };
    let settle = async {
        let batch = running.logs.recv().await.unwrap();
        assert!(
            batch.get(0).unwrap().position >= first,
            "positions are never used twice"
        );
    };
    let (reply, ()) = tokio::join!(again, settle);
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn too_many_deliveries_are_sent_back() {
    let running = Running::new(&(routes() + "timeoutMs: 300\nmaxInFlight: 1\n")).await;
    let body = json!({"builds": [], "notes": [{"text": "hello"}]}).to_string();
    let (one, two) = tokio::join!(
        running.post("/any", &[], &body),
        running.post("/any", &[], &body)
    );
    let details = [&one, &two].map(|reply| problem(reply).1["detail"].clone());
    assert!(
        details
            .iter()
            .any(|detail| detail.as_str().unwrap().contains("as many")),
        "{details:?}"
    );
    assert!(
        details
            .iter()
            .any(|detail| detail.as_str().unwrap().contains("in time")),
        "{details:?}"
    );
}

#[tokio::test]
async fn bad_requests_are_refused_with_the_place() {
    let running = Running::new(&routes()).await;
    let bad = alert("burning", "2026-02-20T12:00:00Z");
    let rows: &[(&str, &str, u16, &str)] = &[
        ("/am", "{\"alerts\": [\n{]}", 400, "line 2 column 2"),
        ("/am", "[]", 422, "the body: must be an object"),
        ("/am", "{\"alerts\": 1}", 422, "/alerts: must be a list"),
        ("/am", &bad, 422, "/alerts/0/status: must be `firing`"),
        (
            "/any",
            "{\"builds\": [{\"state\": \"failed\"}]}",
            422,
            "/builds/0/name: there is nothing",
        ),
        ("/nowhere", "{}", 404, "nothing is delivered"),
    ];
    for (path, body, status, detail) in rows {
        let reply = running.post(path, &bearer(), body).await;
        let (seen, problem) = problem(&reply);
        assert_eq!(seen, *status, "{path} {body}");
        assert!(
            problem["detail"].as_str().unwrap().contains(detail),
            "{problem}"
        );
    }
    let address = running.address;
    let large = "x".repeat(2 << 20);
    let long = format!("Authorization: Bearer {TOKEN}");
    let heads: &[(&[&str], &str, u16)] = &[
        (&["GET /am"], "", 405),
        (&["POST /any", "Content-Type: text/plain"], "{}", 415),
        (
            &[
                "POST /any",
                "Content-Type: application/json",
                "Content-Encoding: gzip",
            ],
            "{}",
            415,
        ),
        (
            &[
                "POST /any",
                "Content-Type: application/json",
                "Origin: http://evil",
            ],
            "{}",
            403,
        ),
        (
            &["POST /am", "Content-Type: application/json", &long],
            &large,
            413,
        ),
        (&["POST /am", "Content-Type: application/json"], &large, 401),
    ];
    for (head, body, status) in heads {
        assert_eq!(
            ask(address, head, body.as_bytes()).await.status,
            *status,
            "{head:?}"
        );
    }
    let deep = "[".repeat(100_000);
    assert_eq!(running.post("/any", &[], &deep).await.status, 400);
}

#[test]
fn options_that_are_wrong_are_all_named_and_secrets_are_not_shown() {
    let yaml = "host: example.org
port: 0
timeoutMs: 1
routes:
  - { id: 'a b', path: x, format: generic, auth: { type: bearer, token: short-hidden } }
  - { id: c, path: /c, format: github, map: [{ as: log, items: nowhere, title: '{/x' }] }
  - { id: c, path: /c, format: grafana, auth: { type: hmac, secret: 0123456789abcdef, timestampHeader: T, signed: '{body}' } }
";
    let error = Webhook::new(config(yaml)).unwrap_err().to_string();
    for part in [
        "host: ",
        "timeoutMs: ",
        "routes[0].id: ",
        "routes[0].path: ",
        "routes[0].map: ",
        "routes[0].auth.token: ",
        "routes[1].map: ",
        "routes[1].map[0].line: ",
        "routes[1].map[0].items: ",
        "routes[1].map[0].title: ",
        "routes[2].id: ",
        "routes[2].path: ",
        "routes[2].auth.signed: ",
    ] {
        assert!(error.contains(part), "{part} {error}");
    }
    assert!(!error.contains("hidden"), "{error}");
    let shown = format!("{:?}", Webhook::new(config(&routes())).unwrap());
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[test]
fn other_machines_deliver_only_with_a_credential() {
    let wide = |routes: &str| Webhook::new(config(&format!("host: 0.0.0.0\nroutes:\n{routes}")));
    let error = wide("  - { id: a, path: /a, format: grafana }")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("127.0.0.1") && error.contains("`auth`"),
        "{error}"
    );
    let closed = format!(
        "  - {{ id: a, path: /a, format: grafana, auth: {{ type: bearer, token: {TOKEN} }} }}"
    );
    assert!(wide(&closed).is_ok());
}

#[test]
fn tests_of_a_route_are_tried_by_check() {
    let check = |expect: &str| {
        let tests = format!(
            "    tests:
      - body: '{{\"team\": \"web\", \"builds\": [{{\"name\": \"a\", \"state\": \"failed\", \"priority\": \"p1\"}}]}}'
        expect: {expect}
"
        );
        let yaml = routes().replace("  - id: any\n", &format!("  - id: any\n{tests}"));
        let yaml = yaml + "      - { as: log, line: 'all of {$/team}' }\n";
        Webhook::new(config(&yaml.replace("      - items: /notes\n        when: { /text: [hello] }\n        as: log\n        line: 'note: {/text}'\n", ""))).unwrap().check()
    };
    let right = "[{ as: incident, title: a failed for web, severity: critical, identity: a }, { as: log, line: all of web }]";
    assert_eq!(check(right), Ok(()));
    for (wrong, part) in [
        ("[]", "makes 2 signals, and 0"),
        ("[{ as: log }]", "is incident, and log"),
        ("[{ as: incident, severity: info }]", "severity is critical"),
        (
            "[{ as: incident, title: b }]",
            "the title is `a failed for web`",
        ),
    ] {
        let error = check(wrong).unwrap_err().to_string();
        assert!(
            error.contains("routes[3].tests[0]") && error.contains(part),
            "{error}"
        );
    }
}

#[test]
fn the_sample_of_the_options_is_read() {
    let sample = include_str!("config.rs");
    let lines = sample
        .lines()
        .skip_while(|line| *line != "/// ```yaml")
        .skip(1);
    let yaml: String = lines
        .take_while(|line| *line != "/// ```")
        .map(|line| format!("{}\n", line.trim_start_matches("///").replacen(' ', "", 1)))
        .collect();
    let yaml = yaml
        .replace("${ALERTMANAGER_TOKEN}", TOKEN)
        .replace("${BUILDS_SECRET}", TOKEN);
    let webhook = Webhook::new(config(&yaml)).unwrap();
    assert_eq!(webhook.check(), Ok(()));
    assert!(compile(&Config::default()).unwrap().is_empty());
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys =
        "alerts|status|firing|labels|fingerprint|startsAt|builds|state|name|failed|[a-z]{0,4}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        keys.prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(keys, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused_within_bounds(body in any_json(), event in "workflow_run|deployment_status|code_scanning_alert|push|.{0,9}") {
        for route in compile(&config(&routes())).unwrap() {
            if let Ok(reading) = route.read(Some(&event), &body) {
                let text = format!("{reading:?}");
                prop_assert!(text.len() < 1 << 20);
            }
        }
    }
}
