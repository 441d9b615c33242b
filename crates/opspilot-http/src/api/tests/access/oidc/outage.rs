//! An issuer that does not work, or takes its time.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::module::HealthStatus;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{CONFIGURED, Visit, WHO, World, assert_back, cookie_of};

impl World {
    /// Lets the issuer say nothing of itself before the gate has a permit for each who asks.
    fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.say(|script| script.gate = Some(Arc::clone(&gate)));
        gate
    }

    /// Waits until the issuer was asked for what it says of itself.
    async fn is_asked(&self) {
        while self.asked("document") == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_work_stops_nobody_else_and_is_told_of() {
    let it = World::new().await;
    it.say(|script| script.broken = Some(503));
    assert_back(&it.begin_reply().await, "unavailable", "down");
    let asked = it.asked("document");
    assert_back(&it.begin_reply().await, "unavailable", "left alone");
    assert_eq!(it.asked("document"), asked);
    let ways = it.api.get("/session/methods").await.json();
    assert_eq!(
        ways["oidc"],
        json!({ "name": "Example", "isAvailable": false })
    );
    assert_eq!(it.api.status(WHO, CONFIGURED).await, 200);
    assert_eq!(it.api.cx.health.current().status, HealthStatus::Degraded);
    it.say(|script| script.broken = None);
    World::wait(Duration::from_secs(5)).await;
    cookie_of(&it.sign_in().await);
    assert_eq!(it.api.cx.health.current().status, HealthStatus::Healthy);
    let ways = it.api.get("/session/methods").await.json();
    assert_eq!(ways["oidc"]["isAvailable"], true);
}

#[tokio::test]
async fn whoever_looks_how_to_sign_in_does_not_wait_for_the_issuer() {
    let it = World::new().await;
    let gate = it.hold();
    let looked = async {
        it.is_asked().await;
        let ways = it.api.get("/session/methods").await.json();
        assert_eq!(it.asked("keys"), 0, "the issuer still says nothing");
        assert_eq!(ways["oidc"]["isAvailable"], true, "{ways}");
        gate.add_permits(3);
    };
    let begin = || it.begin_reply();
    let (one, two, three, ()) = tokio::join!(begin(), begin(), begin(), looked);
    for reply in [one, two, three] {
        assert_eq!(Visit::of(&reply).asked("client_id"), "opspilot");
    }
    assert_eq!(it.asked("document"), 1, "asked once for all");
}

#[tokio::test]
async fn an_issuer_that_was_asked_is_listened_to_although_whoever_asked_is_gone() {
    let it = World::new().await;
    let gate = it.hold();
    let mut gone = TcpStream::connect(it.api.address).await.unwrap();
    let head = b"GET /api/session/oidc HTTP/1.1\r\nHost: localhost\r\n\r\n";
    gone.write_all(head).await.unwrap();
    it.is_asked().await;
    drop(gone);
    let released = async {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(3);
    };
    let (reply, ()) = tokio::join!(it.begin_reply(), released);
    assert_eq!(Visit::of(&reply).asked("client_id"), "opspilot");
    assert_eq!(it.asked("document"), 1, "asked once");
}

#[tokio::test]
async fn a_document_that_is_not_the_issuers_is_not_used() {
    let changes: [(&str, Value); 8] = [
        ("issuer", json!("https://evil.example")),
        ("token_endpoint", json!("http://evil.example/token")),
        ("jwks_uri", json!("http://127.0.0.1@evil.example/keys")),
        ("jwks_uri", json!("http://127.0.0.1:1/keys")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("response_types_supported", json!(["token"])),
        ("code_challenge_methods_supported", json!(["plain"])),
        (
            "id_token_signing_alg_values_supported",
            json!(["HS256", "none"]),
        ),
    ];
    for (name, value) in changes {
        let it = World::new().await;
        it.say(|script| script.document[name] = value);
        assert_back(&it.begin_reply().await, "unavailable", name);
    }
}
