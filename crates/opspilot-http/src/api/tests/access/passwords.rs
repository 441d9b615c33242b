//! Signing in by password, and the users.

use opspilot_core::config::{Auth, Secret};
use opspilot_core::safety::credentials::{NewUser, Password, UserName};
use opspilot_core::safety::identity::{Kind, Role};
use serde_json::{Value, json};

use super::sessions::Browser;
use super::{CONFIGURED, auth, guarded, root};
use crate::api::tests::changing::join_all;
use crate::api::tests::{Fixture, Setup, strings};
use opspilot_net::testing::Reply;

const WHO: &str = "GET /api/session";
const PASSWORD: &str = "correct horse battery";
const OTHER: &str = "staple battery horse";

/// A server with the operator `ann`.
async fn with_ann() -> Fixture {
    let api = guarded().await;
    add(&api, "ann", Role::Operator).await;
    api
}

async fn add(api: &Fixture, name: &str, role: Role) {
    let new = NewUser {
        name: UserName::parse(name).unwrap(),
        role,
        password: Password::parse(Secret::new(PASSWORD.into())).unwrap(),
    };
    let credentials = &api.bench.access.credentials;
    credentials.add_user(&root(), new).await.unwrap();
}

async fn sign_in(api: &Fixture, name: &str, password: &str) -> Reply {
    let body = json!({ "username": name, "password": password });
    api.post("/session", &body.to_string()).await
}

async fn signed_in(api: &Fixture, name: &str) -> Browser {
    Browser::of(&sign_in(api, name, PASSWORD).await)
}

/// Changes something as the administrator of the configuration.
async fn change(api: &Fixture, head: &str, body: &Value) -> Reply {
    let lines = [head, "Content-Type: application/json", CONFIGURED];
    api.ask(&lines, body.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_session_begins_with_a_password_and_says_who_it_is() {
    let api = with_ann().await;
    let begun = sign_in(&api, "Ann", PASSWORD).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    let cookie = begun.header("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict"), "{cookie}");
    let browser = Browser::of(&begun);
    let who = api.ask(&[WHO, &browser.cookie], b"").await.json();
    let told = ["subject", "role", "kind", "method"].map(|name| who[name].clone());
    assert_eq!(
        told,
        ["ann", "operator", "human", "session"].map(Value::from)
    );
    let audit = api
        .audit(|all| all.iter().any(|entry| entry.action == "auth.login"))
        .await;
    let told = serde_json::to_string(&audit).unwrap();
    assert!(!told.contains(PASSWORD), "{told}");
    assert_eq!(audit[0].actor, "ann");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_one_answer() {
    let api = with_ann().await;
    let wrong = sign_in(&api, "ann", OTHER).await;
    let unknown = sign_in(&api, "bob", PASSWORD).await;
    for reply in [&wrong, &unknown] {
        assert_eq!(reply.problem(), (401, "unauthenticated".into()));
        assert_eq!(reply.header("set-cookie"), "");
    }
    let members = |reply: &Reply| {
        let mut body = reply.json();
        body["requestId"].take();
        body["instance"].take();
        body
    };
    assert_eq!(members(&wrong), members(&unknown));
    let is_there = |all: &[opspilot_core::safety::audit::Entry]| {
        all.iter().filter(|e| e.action == "auth.refused").count() == 2
    };
    let audit = api.audit(is_there).await;
    let reasons: Vec<_> = audit
        .iter()
        .filter(|entry| entry.action == "auth.refused")
        .map(|entry| entry.details["reason"].as_str().unwrap().to_owned())
        .collect();
    assert!(reasons.contains(&"password of ann".into()), "{reasons:?}");
    assert!(reasons.contains(&"unknown".into()), "{reasons:?}");
    assert!(!serde_json::to_string(&audit).unwrap().contains("bob"));
}

#[tokio::test]
async fn five_wrong_passwords_a_minute_are_looked_at_however_many_come_at_once() {
    let api = with_ann().await;
    let guesses = (0..20).map(|n| {
        let (api, guess) = (&api, format!("wrong horse number {n}"));
        async move { sign_in(api, "ann", &guess).await.status }
    });
    let statuses = join_all(guesses).await;
    let checked = statuses.iter().filter(|status| **status == 401).count();
    assert_eq!(checked, 5, "{statuses:?}");
    let locked = sign_in(&api, "ann", PASSWORD).await;
    assert_eq!(locked.problem(), (429, "rate-limited".into()));
}

#[tokio::test]
async fn a_session_takes_one_way_in_and_no_more() {
    let api = with_ann().await;
    let key = CONFIGURED.strip_prefix("X-API-Key: ").unwrap();
    for body in [
        json!({}),
        json!({ "username": "ann" }),
        json!({ "password": PASSWORD }),
        json!({ "username": "ann", "password": PASSWORD, "apiKey": key }),
        json!({ "username": "ann", "apiKey": key }),
        json!({ "username": "ann", "password": "" }),
        json!({ "username": "ann", "password": PASSWORD, "role": "admin" }),
        json!({ "username": ["ann"], "password": PASSWORD }),
        json!({ "username": "ann", "password": "x".repeat(2_000) }),
    ] {
        let reply = api.post("/session", &body.to_string()).await;
        assert_eq!(reply.problem(), (400, "invalid-request".into()), "{body}");
    }
    assert_eq!(sign_in(&api, "ann", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_its_user_alone() {
    let api = with_ann().await;
    add(&api, "bob", Role::Viewer).await;
    let (ann, bob) = (signed_in(&api, "ann").await, signed_in(&api, "bob").await);
    let path = "PUT /api/users/ann/password";
    let changed = change(&api, path, &json!({ "password": OTHER })).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(api.status(WHO, &ann.cookie).await, 401);
    assert_eq!(api.status(WHO, &bob.cookie).await, 200);
    assert_eq!(sign_in(&api, "ann", PASSWORD).await.status, 401);
    assert_eq!(sign_in(&api, "ann", OTHER).await.status, 201);
    let removed = change(&api, "DELETE /api/users/bob", &json!({})).await;
    assert_eq!(removed.status, 200, "{removed:?}");
    assert_eq!(api.status(WHO, &bob.cookie).await, 401);
    assert_eq!(sign_in(&api, "bob", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn a_session_has_the_role_that_its_user_has_now() {
    let api = with_ann().await;
    let ann = signed_in(&api, "ann").await;
    let head = "POST /api/incidents/none/acknowledge";
    let lines = [head, &ann.cookie, &ann.csrf];
    assert_eq!(api.ask(&lines, b"").await.status, 404);
    let path = "PUT /api/users/ann/role";
    let changed = change(&api, path, &json!({ "role": "viewer" })).await;
    assert_eq!(changed.json()["role"], "viewer");
    assert_eq!(api.ask(&lines, b"").await.status, 403);
    let rule = change(
        &api,
        "POST /api/tokens/revoke",
        &json!({ "subject": "ann" }),
    )
    .await;
    assert_eq!(rule.status, 200);
    assert_eq!(
        api.status(WHO, &ann.cookie).await,
        200,
        "begun in that millisecond"
    );
    api.clock.advance(std::time::Duration::from_millis(1));
    change(
        &api,
        "POST /api/tokens/revoke",
        &json!({ "subject": "ann" }),
    )
    .await;
    assert_eq!(api.status(WHO, &ann.cookie).await, 401);
}

#[tokio::test]
async fn administrators_manage_users_and_never_see_a_password() {
    let api = guarded().await;
    let body = json!({ "name": "Ann", "role": "viewer", "password": PASSWORD });
    let made = change(&api, "POST /api/users", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["name"], "ann");
    let again = change(&api, "POST /api/users", &body).await;
    assert_eq!(again.problem(), (409, "user-exists".into()));
    let listed = api.ask(&["GET /api/users", CONFIGURED], b"").await;
    assert_eq!(strings(&listed.json()["users"], "name"), ["ann"]);
    for reply in [&made, &listed] {
        assert!(!reply.body.contains("argon2") && !reply.body.contains(PASSWORD));
        assert!(!reply.body.contains("generation"), "{}", reply.body);
    }
    for (head, body) in [
        ("DELETE /api/users/bob", json!({})),
        ("PUT /api/users/bob/role", json!({ "role": "admin" })),
        ("PUT /api/users/bob/password", json!({ "password": OTHER })),
    ] {
        let reply = change(&api, head, &body).await;
        assert_eq!(reply.problem(), (404, "no-such-user".into()), "{head}");
    }
}

#[tokio::test]
async fn wrong_users_name_every_fault() {
    let api = guarded().await;
    let rows = [
        (json!({ "role": "viewer", "password": PASSWORD }), "name"),
        (
            json!({ "name": "a b", "role": "viewer", "password": PASSWORD }),
            "name",
        ),
        (
            json!({ "name": "core", "role": "viewer", "password": PASSWORD }),
            "name",
        ),
        (
            json!({ "name": "ann", "role": "boss", "password": PASSWORD }),
            "role",
        ),
        (
            json!({ "name": "ann", "role": "viewer", "password": "short" }),
            "password",
        ),
        (
            json!({ "name": "ann", "role": "viewer", "password": "aaaaaaaaaaaaaaa" }),
            "password",
        ),
    ];
    for (body, field) in rows {
        let reply = change(&api, "POST /api/users", &body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(strings(&reply.json()["errors"], "field"), [field], "{body}");
        assert!(!reply.body.contains("aaaaaaaaaaaaaaa"), "{}", reply.body);
    }
}

#[tokio::test]
async fn the_ways_in_are_told_to_whoever_asks() {
    let ways = async |api: &Fixture| api.get("/session/methods").await.json();
    let api = guarded().await;
    assert_eq!(
        ways(&api).await,
        json!({ "isRequired": true, "apiKey": true, "password": false })
    );
    add(&api, "ann", Role::Viewer).await;
    assert_eq!(ways(&api).await["password"], true);
    let open = Fixture::with(Setup {
        auth: Auth::default(),
        ..Setup::default()
    })
    .await;
    assert_eq!(
        ways(&open).await,
        json!({ "isRequired": false, "apiKey": false, "password": false })
    );
    assert_eq!(
        sign_in(&open, "ann", PASSWORD).await.problem(),
        (409, "auth-off".into())
    );
}

#[tokio::test]
async fn sessions_of_users_outlive_the_process() {
    let api = with_ann().await;
    let ann = signed_in(&api, "ann").await;
    let again = api.again(auth()).await;
    assert_eq!(again.status(WHO, &ann.cookie).await, 200);
    let (key, _) = again.key(Role::Operator, Kind::Human).await;
    let listed = again.status("GET /api/users", &key).await;
    assert_eq!(listed, 403, "operators do not manage users");
}
