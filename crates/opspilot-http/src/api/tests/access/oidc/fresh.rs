//! What a sign-in at the issuer proves, and for how long: `auth_time`.

use std::time::Duration;

use opspilot_core::clock::Clock as _;
use serde_json::{Value, json};

use super::{Visit, WHO, World, assert_back, cookie_of};
use opspilot_net::testing::Reply;

const AGAIN: &str = "sign-in-again";

/// The parameters that make an issuer ask again.
const ASKING: [&str; 2] = ["prompt", "max_age"];

impl World {
    /// Somebody who may administer signs in; `claims` differ from the usual.
    async fn admin(&self, mut claims: Value) -> Reply {
        claims["groups"] = json!(["root"]);
        self.say(|script| script.claims = claims);
        self.sign_in().await
    }

    /// The same, as the dashboard has them sign in who want to administer.
    async fn step_up(&self, mut claims: Value) -> Reply {
        claims["groups"] = json!(["root"]);
        self.say(|script| script.claims = claims);
        let begun = self.api.get("/session/oidc?fresh=true").await;
        self.pass_through(Visit::of(&begun)).await
    }

    /// What time it is, as an issuer writes it.
    fn seconds(&self) -> i64 {
        self.api.clock.now().as_millis() / 1_000
    }

    /// What comes of administering, in the session of `cookie`.
    async fn administer(&self, cookie: &str) -> String {
        let who = self.api.ask(&[WHO, cookie], b"").await.json();
        let csrf = format!("X-CSRF-Token: {}", who["csrfToken"].as_str().unwrap());
        let reply = self
            .api
            .ask(&["POST /api/reload", cookie, &csrf], b"")
            .await;
        reply.problem().1
    }
}

#[tokio::test]
async fn the_issuer_is_told_to_ask_again_where_that_is_wanted() {
    let it = World::new().await;
    for (query, expected) in [
        ("?fresh=true", [Some("login"), Some("0")]),
        ("?fresh=false", [None, None]),
        ("", [None, None]),
    ] {
        let visit = Visit::of(&it.api.get(&format!("/session/oidc{query}")).await);
        let asked: Vec<_> = visit.location.query_pairs().into_owned().collect();
        let found = ASKING.map(|name| {
            let mut given = asked.iter().filter(|(key, _)| key == name);
            given.next().map(|(_, value)| value.as_str())
        });
        assert_eq!(found, expected, "{query}");
    }
    for query in ["fresh=1", "fresh=", "fresh=true&fresh=true", "stale=true"] {
        let reply = it.api.get(&format!("/session/oidc?{query}")).await;
        assert_eq!(reply.problem().0, 400, "{query}");
    }
}

#[tokio::test]
async fn an_issuer_that_lets_somebody_through_unseen_lets_nobody_administer() {
    let it = World::new().await;
    let silent = json!({ "auth_time": "now-1h" });
    let cookie = cookie_of(&it.admin(silent.clone()).await);
    assert_eq!(it.administer(&cookie).await, AGAIN, "just signed in");
    assert_back(&it.step_up(silent).await, "not-asked", "silent");
    let reason = "oidc: the issuer did not ask again who it is";
    assert_eq!(it.reason().await, reason);
}

#[tokio::test]
async fn whoever_showed_who_they_are_administers_for_a_quarter_of_an_hour_from_then() {
    let it = World::new().await;
    let cookie = cookie_of(&it.step_up(json!({ "auth_time": "now" })).await);
    assert_ne!(it.administer(&cookie).await, AGAIN);
    it.api.clock.advance(Duration::from_mins(10));
    assert_ne!(it.administer(&cookie).await, AGAIN);
    let shown = it.seconds() - 600;
    let usual = cookie_of(&it.admin(json!({ "auth_time": shown })).await);
    assert_ne!(it.administer(&usual).await, AGAIN, "shown ten minutes ago");
    it.api.clock.advance(Duration::from_mins(5));
    for cookie in [&cookie, &usual] {
        assert_eq!(it.administer(cookie).await, AGAIN);
        assert!(it.is_in(cookie).await, "it goes on");
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_say_when_it_asked_lets_nobody_administer() {
    let it = World::new().await;
    let cookie = cookie_of(&it.admin(json!({})).await);
    assert_eq!(it.administer(&cookie).await, AGAIN);
    assert_back(&it.step_up(json!({})).await, "no-auth-time", "asked for");
    let reason = "oidc: the issuer does not say when it asked: no `auth_time`";
    assert_eq!(it.reason().await, reason);
}

#[tokio::test]
async fn a_time_that_cannot_be_is_refused_however_somebody_signs_in() {
    for (time, told) in [
        (json!("now+1h"), "is in the future"),
        (json!("1771588800"), "cannot be read"),
        (json!(-1), "cannot be read"),
        (json!(1.5), "cannot be read"),
        (json!(u64::MAX), "cannot be read"),
        (json!(true), "cannot be read"),
        (json!([0]), "cannot be read"),
    ] {
        let it = World::new().await;
        let claims = json!({ "auth_time": time });
        assert_back(&it.admin(claims.clone()).await, "failed", "usual");
        assert_back(&it.step_up(claims).await, "failed", "step-up");
        let reason = it.reason().await;
        assert!(reason.contains(told), "{time}: {reason}");
    }
}

#[tokio::test]
async fn the_clocks_may_differ_a_little_and_no_more() {
    let it = World::new().await;
    let now = it.seconds();
    for (seconds, is_in) in [(-6, false), (-5, true), (5, true), (6, false)] {
        let reply = it.step_up(json!({ "auth_time": now + seconds })).await;
        assert_eq!(reply.header("location") == "/", is_in, "{seconds} s");
    }
}
