//! Tricks with paths and methods: never more than what the plain request gets.

use opspilot_core::safety::identity::{Kind, Role};

use super::super::super::routes;
use super::guarded;

#[tokio::test]
async fn no_spelling_of_a_path_gets_more_than_the_plain_one() {
    let api = guarded().await;
    let (viewer, _) = api.key(Role::Viewer, Kind::Human).await;
    for route in routes() {
        let plain = route
            .path
            .replace("{id}", "some-id")
            .replace("{jti}", "some-id");
        let encoded: String = plain
            .chars()
            .map(|c| match c {
                '/' => "/".to_owned(),
                c => format!("%{:02x}", u32::from(c)),
            })
            .collect();
        let spellings = [
            format!("/api{plain}/"),
            format!("/api/{plain}"),
            format!("//api{plain}"),
            format!("/api/.{plain}"),
            format!("/api/%2e{plain}"),
            format!("/api/health/..{plain}"),
            format!("/api/health/%2e%2e{plain}"),
            format!("/api/health%2f..{plain}"),
            format!("/api/health;{plain}"),
            format!("/api{plain};/api/health"),
            format!("/api{}", plain.to_uppercase()),
            format!("/API{plain}"),
            format!("/api{encoded}"),
            format!("/api{plain}%2f"),
            format!("/api{plain}%00"),
            format!("/api{plain}?path=/api/health"),
            format!("/api{plain}?api_key=configured-key-of-an-admin-0123456789"),
            format!("/api{plain}?access_token=configured-key-of-an-admin-0123456789"),
        ];
        // The page of the API is the same for everybody, and holds nothing of the server.
        let is_open = ["/health", "/session", "/docs"].contains(&route.path);
        for spelling in spellings {
            let head = format!("{} {spelling}", route.method.as_str());
            let nobody = api.status(&head, "").await;
            let served = [200, 201, 202, 204];
            assert!(is_open || !served.contains(&nobody), "{head}: {nobody}");
            let somebody = api.status(&head, &viewer).await;
            let is_change = head.starts_with("POST") || head.starts_with("DELETE");
            assert!(
                is_open || !is_change || !served.contains(&somebody),
                "{head}: {somebody}"
            );
        }
    }
}

#[tokio::test]
async fn no_header_and_no_other_method_stands_for_another_request() {
    let api = guarded().await;
    let (viewer, _) = api.key(Role::Viewer, Kind::Human).await;
    let close = "POST /api/incidents/a/close";
    for header in [
        "X-Original-URL: /api/health",
        "X-Rewrite-URL: /api/health",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-User: admin",
        "X-Remote-User: admin",
        "Forwarded: for=127.0.0.1",
        "X-HTTP-Method-Override: GET",
    ] {
        assert_eq!(api.status(close, header).await, 401, "{header}");
        assert_eq!(
            api.ask(&[close, header, &viewer], b"").await.status,
            403,
            "{header}"
        );
    }
    let overridden = ["GET /api/incidents", "X-HTTP-Method-Override: POST"];
    assert_eq!(api.ask(&overridden, b"").await.status, 401);
    for method in ["OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT"] {
        let status = api.status(&format!("{method} /api/keys"), &viewer).await;
        assert!(matches!(status, 400 | 405), "{method}: {status}");
    }
    assert_eq!(api.ask(&["HEAD /api/incidents"], b"").await.status, 401);
    assert_eq!(api.ask(&["HEAD /api/keys", &viewer], b"").await.status, 403);
    assert_eq!(
        api.ask(&["HEAD /api/incidents", &viewer], b"").await.status,
        200
    );
}

#[tokio::test]
async fn fields_of_a_body_never_say_who_acts() {
    let api = guarded().await;
    api.incident("a", opspilot_core::incident::Severity::Info)
        .await;
    let (operator, _) = api.key(Role::Operator, Kind::Human).await;
    let head = [
        "POST /api/incidents/a/comment",
        "Content-Type: application/json",
        &operator,
    ];
    for field in ["actor", "user", "approvedBy", "role", "sub", "unknown"] {
        let body = format!(r#"{{"text":"hello","{field}":"the-ceo"}}"#);
        assert_eq!(api.ask(&head, body.as_bytes()).await.status, 400, "{field}");
    }
    let twice = br#"{"text":"hello","text":"bye"}"#;
    assert_eq!(api.ask(&head, twice).await.status, 400);
    assert_eq!(api.ask(&head, br#"{"text":"hello"}"#).await.status, 200);
    let timeline = api
        .ask(&["GET /api/incidents/a/timeline", &operator], b"")
        .await
        .json();
    let entries = timeline["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{timeline}");
    assert_eq!(entries[1]["actor"], "operator-human");
}
