//! Guesses: what they cost whoever makes them, and nobody else.

use opspilot_core::config::Auth;
use opspilot_core::safety::audit::Entry;
use opspilot_core::safety::identity::{Kind, Role};

use super::super::changing::join_all;
use super::super::{Fixture, Setup};
use super::sessions::try_log_in;
use super::{CONFIGURED, auth, guarded, guarded_by};

#[tokio::test]
async fn bad_keys_do_not_begin_a_session_and_five_of_them_lock_the_address() {
    let api = guarded().await;
    let (key, _) = api.key(Role::Viewer, Kind::Human).await;
    let (start, last) = key.split_at(key.len() - 1);
    let off = if last == "0" { "1" } else { "0" };
    let swapped = key.to_ascii_uppercase();
    let rows = [
        format!("{start}{off}"),
        swapped.strip_prefix("X-API-KEY: ").unwrap().to_owned(),
        key.get(..30).unwrap().to_owned(),
        "configured-key-of-an-admin-012345678".into(),
    ];
    for wrong in &rows {
        let reply = try_log_in(&api, wrong, &[]).await;
        assert_eq!(reply.problem(), (401, "unauthenticated".into()), "{wrong}");
        assert_eq!(reply.header("set-cookie"), "");
    }
    assert_eq!(
        try_log_in(&api, &key, &[]).await.status,
        201,
        "a good one does not count"
    );
    assert_eq!(try_log_in(&api, "x", &[]).await.status, 401);
    let locked = try_log_in(&api, &key, &[]).await;
    assert_eq!(locked.problem(), (429, "rate-limited".into()));
    assert!(!locked.header("retry-after").is_empty());
    let audit = api
        .audit(|all| all.iter().filter(|e| e.action == "auth.refused").count() == 5)
        .await;
    let refused = audit
        .iter()
        .find(|entry| entry.action == "auth.refused")
        .unwrap();
    assert_eq!(refused.actor, "anonymous@127.0.0.1");
    assert_eq!(refused.target.as_deref(), Some("POST /session"));
}

/// Behind a proxy everybody has one address: a stranger must not use up the attempts of all.
#[tokio::test]
async fn a_stranger_behind_the_same_proxy_locks_nobody_else_out() {
    let behind = Auth {
        trusted_proxies: vec!["127.0.0.1".into()],
        ..auth()
    };
    for (auth, theirs) in [(behind, 201), (auth(), 429)] {
        let api = guarded_by(auth).await;
        for number in 0..6 {
            let made_up = format!("X-Forwarded-For: 192.0.2.{number}, 198.51.100.9");
            let status = try_log_in(&api, "wrong", &[&made_up]).await.status;
            assert_eq!(status, if number < 5 { 401 } else { 429 }, "{number}");
        }
        let other = ["X-Forwarded-For: 198.51.100.10"];
        assert_eq!(try_log_in(&api, CONFIGURED, &other).await.status, theirs);
        if theirs == 201 {
            let is_told = |entry: &Entry| {
                entry.action == "auth.login" && entry.details["address"] == "198.51.100.10"
            };
            api.audit(|all| all.iter().any(is_told)).await;
        }
    }
}

#[tokio::test]
async fn many_log_ins_at_once_get_no_more_guesses() {
    let api = guarded().await;
    let guesses = (0..40).map(|n| {
        let (api, key) = (&api, format!("guess-{n}"));
        async move { try_log_in(api, &key, &[]).await.status }
    });
    let statuses = join_all(guesses).await;
    let checked = statuses.iter().filter(|status| **status == 401).count();
    assert!(checked <= 5, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 401 | 429)));
}

#[tokio::test]
async fn bad_credentials_make_an_address_wait_with_keys_that_could_be_guessed() {
    let api = Fixture::with(Setup {
        auth: auth(),
        bad_credentials: 3,
        ..Setup::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(
            api.status("GET /api/metrics", "X-API-Key: guess").await,
            401
        );
    }
    let locked = api.ask(&["GET /api/metrics", CONFIGURED], b"").await;
    assert_eq!(locked.problem(), (429, "rate-limited".into()));
    let (stored, _) = api.key(Role::Viewer, Kind::Human).await;
    assert_eq!(api.status("GET /api/metrics", &stored).await, 200);
    assert_eq!(
        api.status("GET /api/metrics", "").await,
        401,
        "nothing to guess with"
    );
    assert_eq!(api.status("GET /api/health", "").await, 200);
}
