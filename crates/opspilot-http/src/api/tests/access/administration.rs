//! Making, listing and revoking keys and tokens.

use std::net::SocketAddr;

use opspilot_core::config::{Auth, Secret};
use opspilot_core::module::Module as _;
use opspilot_core::safety::identity::{Kind, Role};
use serde_json::{Value, json};

use super::super::super::{Api, Config};
use super::super::{Fixture, Setup, strings};
use super::{CONFIGURED, auth, guarded};
use opspilot_net::testing::Reply;

async fn post(api: &Fixture, path: &str, body: &Value) -> Reply {
    let head = format!("POST /api{path}");
    let lines = [head.as_str(), "Content-Type: application/json", CONFIGURED];
    api.ask(&lines, body.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_key_is_shown_once_works_and_is_revoked() {
    let api = guarded().await;
    let made = post(
        &api,
        "/keys",
        &json!({ "label": "ci", "role": "viewer", "expiresIn": "30d" }),
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let (key, id) = (
        made["apiKey"].as_str().unwrap(),
        made["key"]["id"].as_str().unwrap(),
    );
    assert_eq!(made["key"]["kind"], "service");
    assert_eq!(made["key"]["createdBy"], "configured");
    assert_eq!(made["key"]["expiresAt"], "2026-03-22T12:00:00.000Z");
    let header = format!("X-API-Key: {key}");
    assert_eq!(api.status("GET /api/incidents", &header).await, 200);
    let listed = api.ask(&["GET /api/keys", CONFIGURED], b"").await;
    assert!(
        !listed.body.contains(key) && !listed.body.contains("hash"),
        "{}",
        listed.body
    );
    assert_eq!(strings(&listed.json()["keys"], "id"), [id]);
    let revoke = format!("DELETE /api/keys/{id}");
    assert_eq!(api.status(&revoke, CONFIGURED).await, 200);
    assert_eq!(api.status("GET /api/incidents", &header).await, 401);
    let unknown = api.ask(&["DELETE /api/keys/none", CONFIGURED], b"").await;
    assert_eq!(unknown.problem(), (404, "no-such-key".into()));
    let audit = api
        .audit(|entries| entries.iter().any(|e| e.action == "key.revoked"))
        .await;
    let created = audit
        .iter()
        .find(|entry| entry.action == "key.created")
        .unwrap();
    assert_eq!(
        (created.actor.as_str(), &created.details["label"]),
        ("configured", &json!("ci"))
    );
    assert_eq!(created.target, Some(format!("key {id}")));
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_is_revoked() {
    let api = guarded().await;
    let made = post(
        &api,
        "/tokens",
        &json!({ "subject": "ann", "role": "operator", "expiresIn": "2h" }),
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let (jwt, jti) = (
        made["jwt"].as_str().unwrap(),
        made["token"]["jti"].as_str().unwrap(),
    );
    assert_eq!(made["token"]["kind"], "human");
    assert_eq!(made["token"]["expiresAt"], "2026-02-20T14:00:00.000Z");
    let header = format!("Authorization: Bearer {jwt}");
    let who = api.ask(&["GET /api/session", &header], b"").await.json();
    assert_eq!(
        (&who["subject"], &who["method"]),
        (&json!("ann"), &json!("jwt"))
    );
    let listed = api.ask(&["GET /api/tokens", CONFIGURED], b"").await;
    assert!(!listed.body.contains(jwt));
    assert_eq!(strings(&listed.json()["tokens"], "jti"), [jti]);
    assert_eq!(
        api.status(&format!("DELETE /api/tokens/{jti}"), CONFIGURED)
            .await,
        200
    );
    assert_eq!(api.status("GET /api/incidents", &header).await, 401);
    let unknown = api.ask(&["DELETE /api/tokens/none", CONFIGURED], b"").await;
    assert_eq!(unknown.problem(), (404, "no-such-token".into()));
    let rule = post(&api, "/tokens/revoke", &json!({ "subject": "ann" })).await;
    assert_eq!((rule.status, &rule.json()["subject"]), (200, &json!("ann")));
}

#[tokio::test]
async fn wrong_requests_name_every_fault() {
    let api = guarded().await;
    let rows = [
        ("/keys", json!({ "label": "a" }), "role"),
        ("/keys", json!({ "label": "a", "role": "boss" }), "role"),
        (
            "/keys",
            json!({ "label": "a", "role": "admin", "kind": "god" }),
            "kind",
        ),
        (
            "/keys",
            json!({ "label": "a", "role": "admin", "expiresIn": "soon" }),
            "expiresIn",
        ),
        (
            "/keys",
            json!({ "label": "a", "role": "admin", "createdBy": "b" }),
            "createdBy",
        ),
        ("/tokens", json!({ "role": "admin" }), "subject"),
        (
            "/tokens",
            json!({ "subject": "a", "role": "admin", "actor": "b" }),
            "actor",
        ),
    ];
    for (path, body, field) in rows {
        let reply = post(&api, path, &body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(strings(&reply.json()["errors"], "field"), [field], "{body}");
    }
    let too_long = [
        (
            "/keys",
            json!({ "label": "a", "role": "admin", "expiresIn": "366d" }),
        ),
        (
            "/tokens",
            json!({ "subject": "a", "role": "admin", "expiresIn": "9h" }),
        ),
        (
            "/tokens",
            json!({ "subject": "a", "role": "admin", "kind": "agent", "expiresIn": "2h" }),
        ),
    ];
    for (path, body) in too_long {
        assert_eq!(post(&api, path, &body).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn answers_with_secrets_are_not_kept_for_an_idempotency_key() {
    let api = guarded().await;
    let lines = [
        "POST /api/keys",
        "Content-Type: application/json",
        "Idempotency-Key: k",
        CONFIGURED,
    ];
    let body = br#"{"label":"a","role":"viewer"}"#;
    let (first, second) = (api.ask(&lines, body).await, api.ask(&lines, body).await);
    assert_ne!(first.json()["apiKey"], second.json()["apiKey"]);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_caller() {
    let api = guarded().await;
    api.incident("a", opspilot_core::incident::Severity::Info)
        .await;
    let (one, _) = api.key(Role::Operator, Kind::Human).await;
    let (two, _) = api.key(Role::Admin, Kind::Human).await;
    let head = [
        "POST /api/incidents/a/comment",
        "Content-Type: application/json",
        "Idempotency-Key: k",
    ];
    for key in [&one, &two, &one] {
        let lines = [head[0], head[1], head[2], key];
        assert_eq!(api.ask(&lines, br#"{"text":"hello"}"#).await.status, 200);
    }
    let timeline = api
        .ask(&["GET /api/incidents/a/timeline", &one], b"")
        .await
        .json();
    let actors = strings(&timeline["entries"], "actor");
    assert_eq!(
        actors.get(1..),
        Some(&["operator-human".to_owned(), "admin-human".to_owned()][..])
    );
}

#[tokio::test]
async fn tokens_need_a_secret_that_is_long_enough() {
    for secret in [None, Some("short")] {
        let auth = Auth {
            jwt_secret: secret.map(|text| Secret::new(text.into())),
            ..auth()
        };
        let api = super::guarded_by(auth).await;
        let reply = post(&api, "/tokens", &json!({ "subject": "a", "role": "admin" })).await;
        assert_eq!(reply.problem(), (409, "no-signing-key".into()));
    }
}

#[tokio::test]
async fn other_addresses_are_bound_only_with_authentication() {
    let config = || Config {
        host: "0.0.0.0".into(),
        ..Setup::default().config
    };
    let open = Fixture::new().await;
    let mut api = Api::new(config()).unwrap();
    let refused = api.init(&open.cx).await.unwrap_err().to_string();
    assert!(
        refused.contains("0.0.0.0") && refused.contains("auth.enabled"),
        "{refused}"
    );
    let asking = Fixture::with(Setup {
        config: config(),
        auth: auth(),
        ..Setup::default()
    })
    .await;
    let here = SocketAddr::from(([127, 0, 0, 1], asking.address.port()));
    let reply =
        opspilot_net::testing::ask(here, &["GET /api/incidents", "Host: 10.1.2.3:3000"], b"").await;
    assert_eq!(reply.status, 401);
    let reply =
        opspilot_net::testing::ask(here, &["GET /api/incidents", "Host: evil.example"], b"").await;
    assert_eq!(reply.status, 421);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_known() {
    let api = guarded().await;
    let (key, text) = api.key(Role::Viewer, Kind::Human).await;
    assert_eq!(api.status("GET /api/incidents", &key).await, 200);
    let credentials = &api.bench.access.credentials;
    for _ in 0..2_000 {
        let (keys, _) = credentials.keys(None, 10).await.unwrap();
        let found = keys.iter().find(|key| key.id == text.id()).unwrap();
        if found.last_used_at == Some(api.bench.clock.now()) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the use was not written down");
}

#[tokio::test]
async fn nobody_is_given_the_name_of_a_module() {
    let api = guarded().await;
    for (path, field) in [("/keys", "label"), ("/tokens", "subject")] {
        for name in ["core", "action.safe", "Action.Runbook"] {
            let body = json!({ field: name, "role": "admin", "kind": "human" });
            let reply = post(&api, path, &body).await;
            assert_eq!(reply.problem(), (400, "invalid-request".into()), "{name}");
        }
    }
}
