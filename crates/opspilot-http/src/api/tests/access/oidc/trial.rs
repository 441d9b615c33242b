//! `check --online`.

use opspilot_core::clock::SystemClock;
use opspilot_core::config::Auth;
use opspilot_core::module::{Trial, TrialContext};
use serde_json::{Value, json};

use super::issuer::Script;
use super::{World, provider};
use crate::auth::testing::{ed_jwk, ed25519};

async fn tried(it: &World) -> Vec<Trial> {
    let auth = Auth {
        oidc: Some(provider(&it.issuer)),
        ..Auth::default()
    };
    let cx = TrialContext::new("auth.oidc", SystemClock::shared());
    crate::auth::trial(&auth, &cx).await
}

#[tokio::test]
async fn an_issuer_that_works_is_well_and_nobody_signs_in() {
    let it = World::new().await;
    let found = tried(&it).await;
    assert_eq!(found, [Trial::of(it.issuer.script().url.clone(), Ok(None))]);
    assert_eq!((it.asked("document"), it.asked("keys")), (1, 1));
    assert_eq!(it.asked("token"), 0);
    let cx = TrialContext::new("auth.oidc", SystemClock::shared());
    assert_eq!(crate::auth::trial(&Auth::default(), &cx).await, []);
}

#[tokio::test]
async fn what_is_wrong_with_an_issuer_is_one_line() {
    let set =
        |name: &'static str, value: Value| move |script: &mut Script| script.document[name] = value;
    let it = World::new().await;
    it.say(|script| script.broken = Some(404));
    assert_fault(
        &it,
        "openid-configuration`, which `auth.oidc.issuer` leads to: the answer is 404",
    )
    .await;
    it.say(|script| script.broken = None);
    it.say(|script| script.keys = vec![ed_jwk("ed", &ed25519(1))]);
    assert_fault(
        &it,
        "/keys` cannot be used: none of them is for an algorithm",
    )
    .await;
    it.say(|script| script.keys.clear());
    assert_fault(&it, "/keys` cannot be used: it has no RSA").await;
    it.say(set("jwks_uri", json!("http://evil.example/keys")));
    assert_fault(&it, "its `jwks_uri` is no `https` address").await;
    it.say(set("issuer", json!("https://other.example\u{1b}[2J")));
    assert_fault(&it, "calls itself `https://other.example\\u{1b}[2J`").await;
}

async fn assert_fault(it: &World, words: &str) {
    let found = tried(it).await;
    let fault = found[0].fault.clone().unwrap_or_default();
    assert!(fault.contains(words) && !fault.contains('\n'), "{fault}");
}
