//! Idempotency keys.

use std::time::Duration;

use opspilot_core::incident::Severity;
use opspilot_core::module::HealthStatus;

use super::changing::join_all;
use super::faulty::Fault;
use super::{Fixture, Setup};

const COMMENT: &[u8] = br#"{"text":"once"}"#;

fn head<'a>(path: &'a str, key: &'a str) -> [&'a str; 3] {
    [path, "Content-Type: application/json", key]
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_and_changes_nothing() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let head = head("POST /api/incidents/a/comment", "Idempotency-Key: k1");
    let first = api.ask(&head, COMMENT).await;
    api.post("/incidents/a/close", "").await;
    let second = api.ask(&head, COMMENT).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body, second.body);
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            second.header("idempotency-replayed")
        ),
        ("", "true")
    );
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!(
        api.actions("a").await,
        ["created", "comment", "status.changed"]
    );
}

#[tokio::test]
async fn refusals_are_kept_as_well() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let head = head("POST /api/incidents/a/reopen", "Idempotency-Key: k1");
    assert_eq!(
        api.ask(&head, b"").await.problem(),
        (409, "illegal-transition".into())
    );
    api.post("/incidents/a/close", "").await;
    let again = api.ask(&head, b"").await;
    assert_eq!(again.problem(), (409, "illegal-transition".into()));
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_key_cannot_be_used_for_another_request() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let key = "Idempotency-Key: k1";
    assert_eq!(
        api.ask(&head("POST /api/incidents/a/comment", key), COMMENT)
            .await
            .status,
        200
    );
    let others: [(&str, &[u8]); 3] = [
        ("POST /api/incidents/a/comment", br#"{"text":"twice"}"#),
        ("POST /api/incidents/b/comment", COMMENT),
        ("POST /api/incidents/a/close", b""),
    ];
    for (path, body) in others {
        let reply = api.ask(&head(path, key), body).await;
        assert_eq!(
            reply.problem(),
            (422, "idempotency-key-reused".into()),
            "{path}"
        );
    }
    assert_eq!(api.actions("a").await, ["created", "comment"]);
}

#[tokio::test]
async fn many_at_once_with_one_key_make_one_change() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let head = head("POST /api/incidents/a/comment", "Idempotency-Key: k1");
    let replies = join_all((0..30).map(|_| api.ask(&head, COMMENT))).await;
    assert!(replies.iter().any(|reply| reply.status == 200));
    assert!(
        replies
            .iter()
            .all(|reply| matches!(reply.status, 200 | 409)),
        "{replies:?}"
    );
    assert_eq!(api.actions("a").await, ["created", "comment"]);
}

#[tokio::test]
async fn malformed_keys_are_refused() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let long = format!("Idempotency-Key: {}", "k".repeat(256));
    for key in [
        "Idempotency-Key:",
        "Idempotency-Key: \u{e4}",
        "Idempotency-Key: a b",
        "Idempotency-Key: a\tb",
        "Idempotency-Key: a\r\nIdempotency-Key: b",
        &long,
    ] {
        let reply = api
            .ask(&head("POST /api/incidents/a/comment", key), COMMENT)
            .await;
        assert_eq!(reply.problem(), (400, "invalid-request".into()), "{key}");
    }
    assert_eq!(api.actions("a").await, ["created"]);
}

/// White space around a header's value is no part of it (RFC 9110, section 5.5).
#[tokio::test]
async fn a_key_with_white_space_around_it_is_the_key() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    for (key, replayed) in [("k1", ""), (" \tk1 \t", "true")] {
        let key = format!("Idempotency-Key:{key}");
        let head = head("POST /api/incidents/a/comment", &key);
        let reply = api.ask(&head, COMMENT).await;
        let found = (reply.status, reply.header("idempotency-replayed"));
        assert_eq!(found, (200, replayed), "{key}");
    }
    assert_eq!(api.actions("a").await, ["created", "comment"]);
}

#[tokio::test]
async fn a_failure_of_the_server_may_be_asked_for_again() {
    let api = Fixture::new().await;
    api.incident("a", Severity::Info).await;
    let head = head("POST /api/incidents/a/comment", "Idempotency-Key: k1");
    api.core
        .raise("storage", HealthStatus::Unhealthy, "disk full");
    assert_eq!(api.ask(&head, COMMENT).await.status, 503);
    api.core.clear("storage");
    let reply = api.ask(&head, COMMENT).await;
    assert_eq!(
        (reply.status, reply.header("idempotency-replayed")),
        (200, "")
    );
}

#[tokio::test]
async fn a_change_with_a_key_goes_on_when_its_client_gave_up() {
    let setup = Setup {
        request: Duration::from_millis(100),
        ..Setup::default()
    };
    let api = Fixture::with(setup).await;
    api.incident("a", Severity::Info).await;
    let head = head("POST /api/incidents/a/comment", "Idempotency-Key: k1");
    api.storage.set(Some(Fault::Hang));
    assert_eq!(
        api.ask(&head, COMMENT).await.problem(),
        (503, "timed-out".into())
    );
    let busy = api.ask(&head, COMMENT).await;
    assert_eq!(busy.problem(), (409, "idempotency-key-in-use".into()));
    assert_eq!(busy.header("retry-after"), "1");
    api.storage.set(None);
    let mut reply = busy;
    for _ in 0..100 {
        reply = api.ask(&head, COMMENT).await;
        if reply.status != 409 {
            break;
        }
    }
    assert_eq!(
        (reply.status, reply.header("idempotency-replayed")),
        (200, "true")
    );
    assert_eq!(api.actions("a").await, ["created", "comment"]);
}
