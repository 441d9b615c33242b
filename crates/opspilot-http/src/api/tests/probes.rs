//! Health, liveness, readiness, metrics.

use std::time::Duration;

use opspilot_core::module::{Category, HealthStatus, Manifest};
use serde_json::json;

use super::Fixture;
use super::faulty::Fault;

static NOTIFIER: Manifest = Manifest::new("notifier.test", Category::Notifier, "");
static CONNECTOR: Manifest = Manifest::new("connector.test", Category::Connector, "");

#[tokio::test]
async fn health_tells_of_every_module() {
    let api = Fixture::new().await;
    api.clock.advance(Duration::from_secs(90));
    let reply = api.get("/health").await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/json")
    );
    let body = reply.json();
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["uptime"], 90);
    assert_eq!(body["timestamp"], "2026-02-20T12:01:30.000Z");
    let own = &body["modules"]["ui.api"];
    assert_eq!(
        (&own["status"], &own["state"], &own["restarts"]),
        (&json!("healthy"), &json!("running"), &json!(0))
    );
    let details = json!({
        "port": api.address.port(),
        "url": format!("http://{}/api", api.address),
        "serverRunning": true,
        "requestCount": 0,
        "errorCount": 0,
    });
    assert_eq!(own["details"], details);
    let again = api.get("/health").await.json();
    assert_eq!(again["modules"]["ui.api"]["details"]["requestCount"], 1);
}

#[tokio::test]
async fn a_failing_webhook_does_not_ask_for_a_restart() {
    let api = Fixture::new().await;
    let notifier = api.bench.context(&NOTIFIER).health;
    for status in [HealthStatus::Degraded, HealthStatus::Unhealthy] {
        notifier.raise("webhook", status, "the webhook answers 500");
        let reply = api.get("/health").await;
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (200, &json!("degraded"))
        );
        assert_eq!(
            reply.json()["modules"]["notifier.test"]["message"],
            "the webhook answers 500"
        );
        assert_eq!(api.get("/readyz").await.status, 200);
    }
}

#[tokio::test]
async fn a_module_that_does_not_work_makes_health_503_and_leaves_the_server_ready() {
    let api = Fixture::new().await;
    let connector = api.bench.context(&CONNECTOR).health;
    connector.raise("read", HealthStatus::Unhealthy, "cannot read");
    let reply = api.get("/health").await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (503, "application/json")
    );
    assert_eq!(reply.json()["status"], "unhealthy");
    assert_eq!(api.get("/readyz").await.status, 200);
    connector.clear("read");
    assert_eq!(api.get("/health").await.status, 200);
}

#[tokio::test]
async fn readiness_names_what_is_in_the_way() {
    let api = Fixture::new().await;
    let ready = api.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.json()["status"].clone()),
        (200, json!("ready"))
    );
    assert_eq!(ready.json().get("reasons"), None);

    let reasons = async || {
        let reply = api.get("/readyz").await;
        assert_eq!(
            (reply.status, reply.json()["status"].clone()),
            (503, json!("not-ready"))
        );
        reply.json()["reasons"].clone()
    };
    api.bench.set_ready(false);
    assert_eq!(
        reasons().await,
        json!(["the server is starting or stopping"])
    );
    api.bench.set_ready(true);
    api.core.raise(
        "storage",
        HealthStatus::Unhealthy,
        "cannot store events: disk full",
    );
    assert_eq!(reasons().await, json!(["cannot store events: disk full"]));
    api.core.clear("storage");
    api.storage.set(Some(Fault::Unavailable));
    assert_eq!(reasons().await, json!(["the storage cannot be read"]));
    api.storage.set(Some(Fault::Hang));
    assert_eq!(reasons().await, json!(["the storage does not answer"]));
    api.storage.set(None);
    assert_eq!(api.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn liveness_depends_on_nothing() {
    let api = Fixture::new().await;
    api.bench.set_ready(false);
    api.storage.set(Some(Fault::Hang));
    api.core.raise("storage", HealthStatus::Unhealthy, "");
    let reply = api.get("/livez").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({ "status": "alive", "timestamp": "2026-02-20T12:00:00.000Z" })
    );
}

#[tokio::test]
async fn liveness_is_guarded_and_finished_as_other_answers_are() {
    let api = Fixture::new().await;
    let (live, ready) = (api.get("/livez").await, api.get("/readyz").await);
    assert!(live.headers.keys().eq(ready.headers.keys()), "{live:?}");
    assert_ne!(live.header("x-request-id"), ready.header("x-request-id"));
    let foreign = ["GET /api/livez", "Host: evil.example"];
    assert_eq!(api.ask(&foreign, b"").await.problem().0, 421);
    assert_eq!(api.ask(&["POST /api/livez"], b"").await.status, 405);
}

#[tokio::test]
async fn metrics_count_requests_by_method_and_class() {
    let api = Fixture::new().await;
    api.get("/livez").await;
    api.get("/nothing").await;
    api.ask(&["BREW /api/livez"], b"").await;
    api.ask(&["GET /api/livez", "Host: evil.example"], b"")
        .await;
    let reply = api.get("/metrics").await;
    assert_eq!(reply.status, 200);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(reply.header("content-type"), kind);
    let lines = [
        "opspilot_http_requests_total{module=\"ui.api\",method=\"GET\",status=\"2xx\"} 1",
        "opspilot_http_requests_total{module=\"ui.api\",method=\"GET\",status=\"4xx\"} 2",
        "opspilot_http_requests_total{module=\"ui.api\",method=\"other\",status=\"4xx\"} 1",
        "opspilot_http_refused_total{module=\"ui.api\",reason=\"host\"} 1",
        "opspilot_http_errors_total{module=\"ui.api\"} 0",
    ];
    for line in lines {
        assert!(
            reply.body.lines().any(|one| one == line),
            "{line} in {}",
            reply.body
        );
    }
    assert!(!reply.body.contains("# EOF"));
    let wanted = "Accept: application/openmetrics-text; version=1.0.0";
    let reply = api.ask(&["GET /api/metrics", wanted], b"").await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(reply.header("content-type"), kind);
    assert!(reply.body.ends_with("# EOF\n"));
}
