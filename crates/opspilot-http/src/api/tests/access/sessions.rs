//! Sessions of browsers.

use std::time::Duration;

use opspilot_core::config::Auth;
use opspilot_core::safety::identity::{Kind, Role};
use serde_json::json;

use super::super::Fixture;
use super::{CONFIGURED, auth, guarded, guarded_by, root};
use opspilot_net::testing::Reply;

const WHO: &str = "GET /api/session";

/// A browser that is logged in.
pub(super) struct Browser {
    pub(super) cookie: String,
    pub(super) csrf: String,
}

pub(super) async fn log_in(api: &Fixture, key: &str) -> Browser {
    Browser::of(&try_log_in(api, key, &[]).await)
}

impl Browser {
    /// What a browser keeps of the answer that begins a session.
    pub(super) fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 201, "{reply:?}");
        let set = reply.header("set-cookie");
        let pair = set.split(';').next().unwrap();
        Self {
            cookie: format!("Cookie: {pair}"),
            csrf: format!(
                "X-CSRF-Token: {}",
                reply.json()["csrfToken"].as_str().unwrap()
            ),
        }
    }
}

pub(super) async fn try_log_in(api: &Fixture, key: &str, more: &[&str]) -> Reply {
    let key = key.strip_prefix("X-API-Key: ").unwrap_or(key);
    let body = json!({ "apiKey": key }).to_string();
    let mut head = vec!["POST /api/session", "Content-Type: application/json"];
    head.extend(more);
    api.ask(&head, body.as_bytes()).await
}

#[tokio::test]
async fn a_session_begins_with_a_key_says_who_it_is_and_ends() {
    let api = guarded().await;
    let (key, _) = api.key(Role::Operator, Kind::Human).await;
    let browser = log_in(&api, &key).await;
    let who = api.ask(&[WHO, &browser.cookie], b"").await.json();
    assert_eq!(
        who["csrfToken"],
        browser.csrf.strip_prefix("X-CSRF-Token: ").unwrap()
    );
    let expected = json!({
        "subject": "operator-human", "role": "operator", "kind": "human", "method": "session",
        "csrfToken": who["csrfToken"],
    });
    assert_eq!(who, expected);
    let by_key = api.ask(&[WHO, &key], b"").await.json();
    assert_eq!(
        (&by_key["method"], by_key.get("csrfToken")),
        (&json!("apiKey"), None)
    );
    let end = [
        "DELETE /api/session",
        browser.cookie.as_str(),
        browser.csrf.as_str(),
    ];
    let ended = api.ask(&end, b"").await;
    assert_eq!(ended.status, 204);
    assert!(
        ended.header("set-cookie").contains("Max-Age=0"),
        "{ended:?}"
    );
    assert_eq!(api.status(WHO, &browser.cookie).await, 401);
    let audit = api
        .audit(|entries| entries.iter().any(|e| e.action == "auth.logout"))
        .await;
    let login = audit
        .iter()
        .find(|entry| entry.action == "auth.login")
        .unwrap();
    assert_eq!(login.actor, "operator-human");
    assert_eq!(login.details["address"], "127.0.0.1");
    let told = serde_json::to_string(&audit).unwrap();
    let secret = key.get(24..60).unwrap();
    assert!(!told.contains(secret), "{told}");
}

#[tokio::test]
async fn cookies_are_for_scripts_and_other_sites_out_of_reach() {
    let auth = Auth {
        allowed_hosts: vec!["ops.example.org".into()],
        ..auth()
    };
    let api = guarded_by(auth).await;
    let local = try_log_in(&api, CONFIGURED, &[]).await;
    let cookie = local.header("set-cookie");
    assert!(cookie.starts_with("opspilot_session="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    let far = try_log_in(
        &api,
        CONFIGURED,
        &["Host: ops.example.org", "Origin: https://ops.example.org"],
    )
    .await;
    let cookie = far.header("set-cookie");
    assert!(cookie.starts_with("__Host-opspilot="), "{cookie}");
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
    assert_eq!(far.header("cache-control"), "no-store");
}

#[tokio::test]
async fn only_the_cookie_that_this_site_sets_lets_anybody_in() {
    let auth = Auth {
        allowed_hosts: vec!["ops.example.org".into()],
        ..auth()
    };
    let api = guarded_by(auth).await;
    let far = ["Host: ops.example.org", "Origin: https://ops.example.org"];
    let mine = Browser::of(&try_log_in(&api, CONFIGURED, &far).await);
    let theirs = log_in(&api, CONFIGURED).await;
    let token = |browser: &Browser| browser.cookie.split_once('=').unwrap().1.to_owned();
    let tossed = format!("opspilot_session={}", token(&theirs));
    let secure = format!("__Host-opspilot={}", token(&mine));
    let status = async |host: &str, cookies: &str| {
        let cookies = format!("Cookie: {cookies}");
        api.ask(&[WHO, &cookies, host], b"").await.status
    };
    let both = format!("{tossed}; {secure}");
    for (cookies, here, there) in [
        (secure.as_str(), 401, 200),
        (tossed.as_str(), 200, 401),
        (both.as_str(), 200, 200),
        ("opspilot_session=x", 401, 401),
    ] {
        assert_eq!(status("Host: localhost", cookies).await, here, "{cookies}");
        assert_eq!(status(far[0], cookies).await, there, "{cookies}");
    }
    let end = [&["DELETE /api/session", &mine.cookie, &mine.csrf][..], &far].concat();
    let ended = api.ask(&end, b"").await;
    let set = ended.header("set-cookie");
    assert!(
        set.starts_with("__Host-opspilot=; Path=/; Max-Age=0; "),
        "{set}"
    );
    assert_eq!(set.lines().count(), 1, "{set}");
}

#[tokio::test]
async fn whoever_signs_in_again_leaves_no_session_behind() {
    let api = guarded().await;
    let before = log_in(&api, CONFIGURED).await;
    let other = log_in(&api, CONFIGURED).await;
    let wrong = try_log_in(&api, "wrong", &[&before.cookie]).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(api.status(WHO, &before.cookie).await, 200, "nothing began");
    let after = Browser::of(&try_log_in(&api, CONFIGURED, &[&before.cookie]).await);
    assert_eq!(api.status(WHO, &before.cookie).await, 401);
    assert_eq!(api.status(WHO, &after.cookie).await, 200);
    assert_eq!(
        api.status(WHO, &other.cookie).await,
        200,
        "of another browser"
    );
    let again = try_log_in(&api, CONFIGURED, &[&before.cookie]).await;
    assert_eq!(again.status, 201, "one that is over is in nobody's way");
}

#[tokio::test]
async fn an_old_session_is_not_enough_to_administer() {
    let api = guarded().await;
    let reload = async |browser: &Browser| {
        let head = ["POST /api/reload", &browser.cookie, &browser.csrf];
        api.ask(&head, b"").await.problem().1
    };
    let browser = log_in(&api, CONFIGURED).await;
    assert_ne!(reload(&browser).await, "sign-in-again");
    api.clock.advance(Duration::from_mins(15));
    assert_eq!(reload(&browser).await, "sign-in-again");
    assert_eq!(api.status(WHO, &browser.cookie).await, 200, "it goes on");
    let preview = [
        "POST /api/rules/changes/preview",
        &browser.cookie,
        &browser.csrf,
    ];
    assert_ne!(api.ask(&preview, b"{}").await.problem().1, "sign-in-again");
    let key = api.ask(&["POST /api/reload", CONFIGURED], b"").await;
    assert_ne!(key.problem().1, "sign-in-again", "a key is shown each time");
    let again = try_log_in(&api, CONFIGURED, &[&browser.cookie]).await;
    assert_ne!(reload(&Browser::of(&again)).await, "sign-in-again");
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_after_its_time() {
    let api = guarded().await;
    let idle = log_in(&api, CONFIGURED).await;
    api.clock
        .advance(Duration::from_mins(30) - Duration::from_millis(1));
    assert_eq!(api.status(WHO, &idle.cookie).await, 200);
    // The use just now is written down beside the answer.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    api.clock.advance(Duration::from_mins(30));
    assert_eq!(api.status(WHO, &idle.cookie).await, 401);
    let busy = log_in(&api, CONFIGURED).await;
    let mut quarters = 0;
    while api.status(WHO, &busy.cookie).await == 200 {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        api.clock.advance(Duration::from_mins(15));
        quarters += 1;
    }
    assert_eq!(quarters, 8 * 4);
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let api = guarded().await;
    let (key, text) = api.key(Role::Viewer, Kind::Human).await;
    let browser = log_in(&api, &key).await;
    assert_eq!(api.status(WHO, &browser.cookie).await, 200);
    let credentials = &api.bench.access.credentials;
    credentials.revoke_key(&root(), text.id()).await.unwrap();
    assert_eq!(api.status(WHO, &browser.cookie).await, 401);
    let (key, _) = api.key(Role::Viewer, Kind::Human).await;
    let browser = log_in(&api, &key).await;
    api.clock.advance(super::HOUR);
    assert_eq!(
        api.status(WHO, &browser.cookie).await,
        401,
        "the key expired"
    );
}

#[tokio::test]
async fn a_session_of_a_configured_key_ends_with_the_process() {
    let api = guarded().await;
    let browser = log_in(&api, CONFIGURED).await;
    let (stored, _) = api.key(Role::Viewer, Kind::Human).await;
    let other = log_in(&api, &stored).await;
    let again = api.again(auth()).await;
    assert_eq!(again.status(WHO, &browser.cookie).await, 401);
    assert_eq!(again.status(WHO, &other.cookie).await, 200);
}

#[tokio::test]
async fn a_session_body_is_read_as_strictly_as_any() {
    let api = guarded().await;
    let json = "Content-Type: application/json";
    let rows: [(&str, &[u8], u16); 5] = [
        (json, b"", 400),
        (json, br#"{"apiKey":1}"#, 400),
        (json, br#"{"apiKey":"a","role":"admin"}"#, 400),
        (json, br#"{"apiKey":"a","apiKey":"b"}"#, 400),
        ("Content-Type: text/plain", br#"{"apiKey":"a"}"#, 415),
    ];
    for (kind, body, status) in rows {
        let reply = api.ask(&["POST /api/session", kind], body).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
}

#[tokio::test]
async fn without_authentication_everybody_here_is_an_operator_with_all_rights() {
    let api = Fixture::new().await;
    let who = api.get("/session").await.json();
    let expected = json!({
        "subject": "operator@127.0.0.1", "role": "admin", "kind": "human", "method": "local",
    });
    assert_eq!(who, expected);
    assert_eq!(
        try_log_in(&api, "x", &[]).await.problem(),
        (409, "auth-off".into())
    );
}
