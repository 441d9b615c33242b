//! What operators do with incidents.

use opspilot_core::incident::Severity;
use opspilot_core::module::HealthStatus;
use serde_json::{Value, json};

use super::{Fixture, strings};

#[tokio::test]
async fn an_incident_goes_through_its_life_with_actor_time_and_reason() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Critical).await;
    let steps = [
        ("acknowledge", "acknowledged"),
        ("resolve", "resolved"),
        ("reopen", "open"),
        ("close", "closed"),
    ];
    for (step, status) in steps {
        let body = format!("{{\"reason\":\"because {step}\"}}");
        let reply = api.post(&format!("/incidents/a/{step}"), &body).await;
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (200, &json!(status)),
            "{step}"
        );
        let entry = reply.json()["timeline"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone();
        let expected = json!({
            "timestamp": "2026-02-20T12:00:00.001Z",
            "action": "status.changed",
            "actor": "operator@127.0.0.1",
            "reason": format!("because {step}"),
            "details": { "oldStatus": entry["details"]["oldStatus"], "newStatus": status },
        });
        assert_eq!(entry, expected);
        assert_eq!(
            api.get("/incidents/a").await.header("etag"),
            reply.header("etag")
        );
    }
}

#[tokio::test]
async fn a_change_that_the_status_does_not_allow_is_a_conflict_that_names_the_status() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    api.post("/incidents/a/resolve", "").await;
    for step in ["acknowledge", "resolve"] {
        let reply = api.post(&format!("/incidents/a/{step}"), "{}").await;
        assert_eq!(reply.problem(), (409, "illegal-transition".into()));
        assert_eq!(reply.json()["incidentStatus"], "resolved");
        assert_eq!(
            reply.json()["detail"],
            format!("cannot {step} an incident that is resolved")
        );
    }
    assert_eq!(api.actions("a").await, ["created", "status.changed"]);
}

#[tokio::test]
async fn an_incident_is_assigned_and_taken_away_again() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let reply = api
        .post(
            "/incidents/a/assign",
            r#"{"assignee":"Zoë","reason":"on call"}"#,
        )
        .await;
    assert_eq!(
        (reply.status, &reply.json()["assignee"]),
        (200, &json!("Zoë"))
    );
    let reply = api
        .post("/incidents/a/assign", r#"{"assignee":null}"#)
        .await;
    assert_eq!((reply.status, reply.json().get("assignee")), (200, None));
}

#[tokio::test]
async fn comments_are_kept_as_they_are_written() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let text = "<b>bold</b>\n\u{202e}$(id) \"quoted\"";
    let body = json!({ "text": text }).to_string();
    assert_eq!(api.post("/incidents/a/comment", &body).await.status, 200);
    let timeline = api.get("/incidents/a/timeline").await.json();
    assert_eq!(timeline["entries"][1]["details"]["text"], text);
}

#[tokio::test]
async fn the_actor_never_comes_from_the_request() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    for field in ["actor", "user", "approvedBy", "role", "updatedBy"] {
        let reply = api
            .post(
                "/incidents/a/acknowledge",
                &format!("{{\"{field}\":\"boss\"}}"),
            )
            .await;
        assert_eq!(reply.problem(), (400, "invalid-request".into()), "{field}");
        assert_eq!(strings(&reply.json()["errors"], "field"), [field]);
    }
    let headers = [
        "POST /api/incidents/a/acknowledge",
        "X-Forwarded-For: 9.9.9.9",
        "X-User: boss",
        "Forwarded: for=9.9.9.9",
    ];
    let reply = api.ask(&headers, b"").await;
    assert_eq!(reply.json()["timeline"][1]["actor"], "operator@127.0.0.1");
}

#[tokio::test]
async fn bodies_are_strict() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(4_001));
    let rows = [
        ("assign", "", "field `assignee`: is missing"),
        ("assign", "{}", "field `assignee`: is missing"),
        (
            "assign",
            r#"{"assignee":7}"#,
            "field `assignee`: write a text",
        ),
        (
            "assign",
            r#"{"assignee":""}"#,
            "field `assignee`: write at least one character",
        ),
        ("comment", r#"{"text":null}"#, "field `text`: write a text"),
        (
            "comment",
            &long,
            "field `text`: write at most 4000 characters",
        ),
        (
            "resolve",
            r#"{"reason":["x"]}"#,
            "field `reason`: write a text",
        ),
        (
            "resolve",
            r#"{"reason":"a","reason":"b"}"#,
            "field `reason`: is given more than once",
        ),
        (
            "close",
            "[]",
            "the body is not one JSON object: invalid type: sequence, expected an object at line 1 column 0",
        ),
    ];
    for (step, body, detail) in rows {
        let reply = api.post(&format!("/incidents/a/{step}"), body).await;
        assert_eq!(
            reply.problem(),
            (400, "invalid-request".into()),
            "{step} {body}"
        );
        assert_eq!(reply.json()["detail"], detail, "{step} {body}");
    }
    let head = [
        "POST /api/incidents/a/close",
        "Content-Type: application/json",
    ];
    assert_eq!(api.ask(&head, b"{\"reason\":\"\xff\"}").await.status, 400);
    assert_eq!(api.ask(&head, b"{\"reason\":\"x\"} {}").await.status, 400);
    let reply = api
        .ask(
            &["POST /api/incidents/a/close", "Content-Type: text/plain"],
            b"{}",
        )
        .await;
    assert_eq!(reply.problem(), (415, "unsupported-media-type".into()));
    assert_eq!(api.actions("a").await, ["created"]);
}

#[tokio::test]
async fn a_precondition_that_does_not_hold_changes_nothing() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let stale = api.get("/incidents/a").await.header("etag").to_owned();
    let condition = format!("If-Match: {stale}");
    let head = ["POST /api/incidents/a/acknowledge", &condition];
    let reply = api.ask(&head, b"").await;
    assert_eq!(reply.status, 200);
    let fresh = format!("If-Match: \"other\", {}", reply.header("etag"));
    let reply = api
        .ask(&["POST /api/incidents/a/close", &condition], b"")
        .await;
    assert_eq!(reply.problem(), (412, "changed".into()));
    assert_eq!(api.actions("a").await, ["created", "status.changed"]);
    assert_eq!(
        api.ask(&["POST /api/incidents/a/close", &fresh], b"")
            .await
            .status,
        200
    );
    let reply = api
        .ask(&["POST /api/incidents/none/close", "If-Match: *"], b"")
        .await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn one_of_many_changes_with_one_precondition_wins() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let condition = format!("If-Match: {}", api.get("/incidents/a").await.header("etag"));
    let head = [
        "POST /api/incidents/a/comment",
        "Content-Type: application/json",
        &condition,
    ];
    let asks = (0..20).map(|_| api.ask(&head, br#"{"text":"me"}"#));
    let statuses: Vec<u16> = join_all(asks)
        .await
        .into_iter()
        .map(|reply| reply.status)
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 412).count(),
        19,
        "{statuses:?}"
    );
    assert_eq!(api.actions("a").await, ["created", "comment"]);
}

#[tokio::test]
async fn a_change_is_refused_at_once_while_it_cannot_be_stored() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    api.core
        .raise("storage", HealthStatus::Unhealthy, "secret: disk full");
    let reply = api.post("/incidents/a/close", "").await;
    assert_eq!(reply.problem(), (503, "storage-unavailable".into()));
    assert_eq!(reply.header("retry-after"), "5");
    assert!(!reply.body.contains("secret"), "{}", reply.body);
    assert_eq!(api.get("/incidents/a").await.status, 200);
    api.core.clear("storage");
    assert_eq!(api.post("/incidents/a/close", "").await.status, 200);
}

#[tokio::test]
async fn a_reload_without_anybody_who_reloads_says_why() {
    let api = Fixture::new().await;
    let reply = api.post("/reload", "").await;
    assert_eq!(reply.problem(), (503, "stopping".into()));
    assert_eq!(
        reply.json()["detail"],
        Value::from("the server is stopping")
    );
    assert_eq!(
        api.post("/reload", r#"{"file":"/etc/passwd"}"#)
            .await
            .status,
        400
    );
}

/// Waits for all of `futures` together.
pub(super) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in &mut futures {
            if output.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *output = Some(ready);
            }
        }
        match futures.iter().all(|(_, output)| output.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    futures
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}
