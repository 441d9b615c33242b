//! What a page of another site could make a browser do.

use opspilot_core::config::Auth;
use opspilot_core::incident::Severity;
use opspilot_core::safety::identity::{Kind, Role};

use super::sessions::log_in;
use super::{CONFIGURED, auth, guarded, guarded_by};

const CLOSE: &str = "POST /api/incidents/a/close";

#[tokio::test]
async fn a_change_with_a_cookie_needs_the_token_of_that_session() {
    let api = guarded().await;
    api.incident("a", Severity::Info).await;
    let browser = log_in(&api, CONFIGURED).await;
    let other = log_in(&api, CONFIGURED).await;
    let (cookie, csrf) = (browser.cookie.as_str(), browser.csrf.as_str());
    let twice = format!("{csrf}\r\n{csrf}");
    let bad = [
        "X-Other: 1",
        "X-CSRF-Token:",
        "X-CSRF-Token: x",
        &other.csrf,
        &twice,
    ];
    for header in bad {
        let reply = api.ask(&[CLOSE, cookie, header], b"").await;
        assert_eq!(reply.problem(), (403, "csrf".into()), "{header}");
    }
    assert_eq!(
        api.ask(&["DELETE /api/session", cookie], b"").await.status,
        403
    );
    assert_eq!(
        api.ask(&["GET /api/incidents/a", cookie], b"").await.status,
        200,
        "reading needs none"
    );
    assert_eq!(api.ask(&[CLOSE, cookie, csrf], b"").await.status, 200);
}

#[tokio::test]
async fn the_origin_still_counts_with_the_right_token() {
    let api = guarded().await;
    api.incident("a", Severity::Info).await;
    let browser = log_in(&api, CONFIGURED).await;
    let (cookie, csrf) = (browser.cookie.as_str(), browser.csrf.as_str());
    for header in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        let reply = api.ask(&[CLOSE, cookie, csrf, header], b"").await;
        assert_eq!(reply.problem(), (403, "cross-site".into()), "{header}");
        let reply = api
            .ask(
                &[
                    "POST /api/session",
                    "Content-Type: application/json",
                    header,
                ],
                b"{}",
            )
            .await;
        assert_eq!(reply.problem(), (403, "cross-site".into()), "{header}");
    }
    let form = "Content-Type: application/x-www-form-urlencoded";
    assert_eq!(
        api.ask(&[CLOSE, cookie, csrf, form], b"a=1").await.status,
        415
    );
    let rebinding = [CLOSE, cookie, csrf, "Host: evil.example"];
    assert_eq!(
        api.ask(&rebinding, b"").await.problem(),
        (421, "wrong-host".into())
    );
}

#[tokio::test]
async fn keys_and_tokens_need_no_csrf_token() {
    let api = guarded().await;
    api.incident("a", Severity::Info).await;
    let (key, _) = api.key(Role::Operator, Kind::Human).await;
    assert_eq!(
        api.status("POST /api/incidents/a/acknowledge", &key).await,
        200
    );
    let (token, _) = api.jwt(Role::Operator, Kind::Human).await;
    assert_eq!(api.status(CLOSE, &token).await, 200);
}

#[tokio::test]
async fn only_names_that_are_allowed_are_answered_and_only_with_credentials() {
    let auth = Auth {
        allowed_hosts: vec!["ops.example.org".into()],
        ..auth()
    };
    let api = guarded_by(auth).await;
    let ask = async |host: &str| {
        api.ask(&["GET /api/incidents", host, CONFIGURED], b"")
            .await
            .status
    };
    assert_eq!(ask("Host: ops.example.org").await, 200);
    assert_eq!(ask("Host: ops.example.org:443").await, 200);
    assert_eq!(ask("Host: evil.example").await, 421);
    assert_eq!(
        ask("Host: 10.0.0.1").await,
        421,
        "the server is not bound to it"
    );
}
