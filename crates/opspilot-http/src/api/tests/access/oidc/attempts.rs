//! What counts as an attempt to sign in, and what strangers cannot spend.

use std::time::Duration;

use super::{CONFIGURED, World, assert_back, cookie_of};

const DENIED: &str = "error=access_denied";

impl World {
    /// Whether somebody at the same address can sign in by key.
    async fn can_log_in(&self) -> bool {
        let key = CONFIGURED.strip_prefix("X-API-Key: ").unwrap();
        let body = format!(r#"{{"apiKey":"{key}"}}"#);
        self.api.post("/session", &body).await.status == 201
    }

    /// Somebody who began and whom the issuer turns away.
    async fn be_denied(&self) {
        let visit = self.begin().await;
        let query = format!("{DENIED}&state={}", visit.asked("state"));
        let reply = self.come_back(&visit.cookie, &query).await;
        assert_back(&reply, "denied", "turned away");
    }
}

#[tokio::test]
async fn whoever_shows_no_flow_of_theirs_spends_no_attempt_of_others() {
    let it = World::new().await;
    let visit = it.begin().await;
    let strange = format!("{DENIED}&state=another");
    for _ in 0..20 {
        for cookie in ["Cookie: a=b", "Cookie: opspilot_oidc=AAAA.1.AAAA"] {
            let reply = it.come_back(cookie, &strange).await;
            assert_back(&reply, "failed", cookie);
        }
        // What a page of somebody else makes a browser do that is on its way.
        let reply = it.come_back(&visit.cookie, &strange).await;
        assert_back(&reply, "failed", "another state");
    }
    assert!(it.can_log_in().await);
    let query = it.issuer.sign_in(&visit.location);
    cookie_of(&it.come_back(&visit.cookie, &query).await);
}

#[tokio::test]
async fn whoever_must_wait_comes_in_later_with_the_same_flow() {
    let it = World::new().await;
    let visit = it.begin().await;
    let query = it.issuer.sign_in(&visit.location);
    for _ in 0..5 {
        it.be_denied().await;
    }
    assert!(!it.can_log_in().await, "every kind of sign-in counts");
    let reply = it.come_back(&visit.cookie, &query).await;
    assert_back(&reply, "limited", "too many before");
    assert_eq!(it.asked("token"), 0);
    World::wait(Duration::from_mins(1)).await;
    cookie_of(&it.come_back(&visit.cookie, &query).await);
}

#[tokio::test]
async fn an_issuer_that_breaks_in_between_costs_nobody_a_guess() {
    let it = World::new().await;
    let visit = it.begin().await;
    let query = it.issuer.sign_in(&visit.location);
    it.say(|script| script.broken = Some(500));
    assert_back(
        &it.come_back(&visit.cookie, &query).await,
        "unavailable",
        "down",
    );
    it.say(|script| script.broken = None);
    for _ in 0..4 {
        it.be_denied().await;
    }
    assert!(it.can_log_in().await, "four count");
}
