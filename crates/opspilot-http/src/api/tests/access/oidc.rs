//! Signing in at an identity provider.

mod attempts;
mod forged;
mod fresh;
mod issuer;
mod outage;
mod trial;
mod world;

use std::time::Duration;

use opspilot_core::config::{Auth, OidcProvider, Role, SubjectClaim};
use serde_json::{Value, json};

use self::issuer::Signer;
use self::world::{Visit, WHO, World, assert_back, cookie_of, provider};
use super::{CONFIGURED, auth};
use crate::auth::testing::{ec_jwk, p256};

#[tokio::test]
async fn a_person_signs_in_at_the_issuer_and_has_the_role_of_their_groups() {
    let it = World::new().await;
    let visit = it.begin().await;
    assert_eq!(visit.asked("tenant"), "1", "the endpoint's own query stays");
    assert_eq!(
        visit.asked("redirect_uri"),
        "http://localhost/api/session/oidc/callback"
    );
    let query = it.issuer.sign_in(&visit.location);
    let reply = it
        .come_back(&visit.cookie, &format!("{query}&session_state=x.y"))
        .await;
    let cookie = cookie_of(&reply);
    assert!(reply.header("set-cookie").contains("opspilot_oidc=; "));
    let who = it.api.ask(&[WHO, &cookie], b"").await.json();
    let told = ["subject", "role", "kind", "method"].map(|name| who[name].clone());
    let expected = ["oidc:7", "operator", "human", "session"].map(Value::from);
    assert_eq!(told, expected);
    let is_login = |entry: &opspilot_core::safety::audit::Entry| entry.action == "auth.login";
    let audit = it.api.audit(|all| all.iter().any(is_login)).await;
    let entry = audit.iter().find(|entry| is_login(entry)).unwrap();
    assert_eq!(entry.actor, "oidc:7");
    assert_eq!(entry.details["with"]["groups"], json!(["ops"]), "no others");
}

#[tokio::test]
async fn the_flow_is_kept_in_a_cookie_that_no_script_and_no_other_site_sets() {
    let it = World::new().await;
    let local = it.api.get("/session/oidc").await;
    let cookie = local.header("set-cookie");
    assert!(cookie.starts_with("opspilot_oidc="), "{cookie}");
    let end = "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax";
    assert!(cookie.ends_with(end), "{cookie}");
    let lines = ["GET /api/session/oidc", "Host: Ops.example.org"];
    let far = it.api.ask(&lines, b"").await;
    let cookie = far.header("set-cookie");
    assert!(cookie.starts_with("__Host-opspilot-oidc="), "{cookie}");
    assert!(cookie.ends_with("; SameSite=Lax; Secure"), "{cookie}");
    let redirect = Visit::of(&far).asked("redirect_uri");
    let expected = "https://ops.example.org/api/session/oidc/callback";
    assert_eq!(redirect, expected);
    let lines = ["GET /api/session/oidc", "Host: evil.example"];
    assert_eq!(it.api.ask(&lines, b"").await.status, 421);
    let visit = Visit::of(&local);
    for secret in ["state", "nonce", "code_challenge"] {
        assert!(!visit.cookie.contains(&visit.asked(secret)), "{secret}");
    }
}

#[tokio::test]
async fn a_browser_that_did_not_begin_is_turned_away() {
    for (what, cookie, query) in [
        ("no cookie", "X-Nothing: 1", "QUERY"),
        ("the cookie of another browser", "OTHER", "QUERY"),
        (
            "a made up cookie",
            "Cookie: opspilot_oidc=AAAA.1.AAAA",
            "QUERY",
        ),
        ("two cookies", "MINE; opspilot_oidc=AAAA.1.AAAA", "QUERY"),
        ("no state", "MINE", "code=code-0"),
        ("an empty state", "MINE", "code=code-0&state="),
        ("two states", "MINE", "QUERY&state=another"),
        ("two codes", "MINE", "QUERY&code=another"),
    ] {
        let it = World::new().await;
        let (mine, other) = (it.begin().await, it.begin().await);
        let right = it.issuer.sign_in(&mine.location);
        let cookie = cookie
            .replace("MINE", &mine.cookie)
            .replace("OTHER", &other.cookie);
        let reply = it.come_back(&cookie, &query.replace("QUERY", &right)).await;
        assert_back(&reply, "failed", what);
        let shown = it.issuer.script().asked.get("token").copied();
        assert_eq!(shown, None, "{what}: no code was shown");
    }
}

#[tokio::test]
async fn what_came_back_once_does_not_come_back_again() {
    let it = World::new().await;
    let visit = it.begin().await;
    let query = it.issuer.sign_in(&visit.location);
    cookie_of(&it.come_back(&visit.cookie, &query).await);
    let again = it.come_back(&visit.cookie, &query).await;
    assert_back(&again, "failed", "the same address again");
    assert_eq!(it.reason().await, "oidc: came back twice");
    assert_eq!(it.issuer.script().asked["token"], 1);
    // The code of another flow, and a code that was taken already.
    let (one, two) = (it.begin().await, it.begin().await);
    let code = it.issuer.sign_in(&one.location);
    let code = code.split('&').next().unwrap();
    let crossed = format!("{code}&state={}", two.asked("state"));
    assert_back(
        &it.come_back(&two.cookie, &crossed).await,
        "failed",
        "crossed",
    );
    let taken = format!("{code}&state={}", one.asked("state"));
    assert_back(&it.come_back(&one.cookie, &taken).await, "failed", "taken");
    assert_eq!(
        it.reason().await,
        "oidc: the issuer refuses the code: invalid_grant"
    );
}

#[tokio::test]
async fn a_flow_is_over_after_ten_minutes() {
    let it = World::new().await;
    let visit = it.begin().await;
    let query = it.issuer.sign_in(&visit.location);
    it.api.clock.advance(Duration::from_mins(10));
    assert_back(&it.come_back(&visit.cookie, &query).await, "failed", "late");
}

#[tokio::test]
async fn new_keys_of_the_issuer_are_found_and_asked_for_at_most_once_a_minute() {
    let it = World::new().await;
    cookie_of(&it.sign_in().await);
    it.say(|script| {
        script.keys[1] = ec_jwk("next", &p256());
        script.header = json!({ "alg": "ES256", "kid": "next" });
        script.signer = Signer::Stranger;
    });
    for _ in 0..3 {
        assert_back(&it.sign_in().await, "failed", "too early");
    }
    assert_eq!(it.issuer.script().asked["keys"], 1);
    World::wait(Duration::from_mins(1)).await;
    assert_back(&it.sign_in().await, "failed", "read, and signed by another");
    assert!(it.reason().await.contains("signature"));
    assert_eq!(it.issuer.script().asked["keys"], 2);
}

#[tokio::test]
async fn somebody_without_a_role_is_turned_away_by_name() {
    let it = World::new().await;
    for groups in [
        json!(["all"]),
        json!("opsx"),
        json!({ "ops": true }),
        Value::Null,
    ] {
        it.say(|script| script.claims = json!({ "groups": groups }));
        assert_back(&it.sign_in().await, "no-role", "no group of ours");
    }
    assert_eq!(it.reason().await, "oidc: no role for oidc:7");
    it.say(|script| script.claims = json!({ "groups": "root" }));
    let cookie = cookie_of(&it.sign_in().await);
    let who = it.api.ask(&[WHO, &cookie], b"").await.json();
    assert_eq!(who["role"], "admin", "one text is one group");
}

#[tokio::test]
async fn names_and_groups_come_from_the_claims_that_are_configured() {
    let it = World::with(|provider| {
        provider.subject_claim = SubjectClaim::Email;
        provider.groups_claim = "realm_access.roles".into();
    })
    .await;
    let email = json!({
        "email": "rosa@example.org", "realm_access": { "roles": ["ops"] },
    });
    it.say(|script| script.claims = email.clone());
    assert_back(
        &it.sign_in().await,
        "failed",
        "an address that nobody verified",
    );
    it.say(|script| {
        script.claims = email.clone();
        script.claims["email_verified"] = json!(true);
    });
    let cookie = cookie_of(&it.sign_in().await);
    let who = it.api.ask(&[WHO, &cookie], b"").await.json();
    assert_eq!(who["subject"], "oidc:rosa@example.org");
}

#[tokio::test]
async fn a_session_ends_with_its_group_its_issuer_and_by_command() {
    let it = World::new().await;
    let cookie = cookie_of(&it.sign_in().await);
    let again = async |change: &dyn Fn(&mut OidcProvider)| {
        let mut oidc = provider(&it.issuer);
        change(&mut oidc);
        let auth = Auth {
            oidc: Some(oidc),
            ..auth()
        };
        let api = it.api.again(auth).await;
        api.ask(&[WHO, &cookie], b"").await
    };
    assert_eq!(again(&|_| ()).await.json()["role"], "operator");
    let raised = again(&|oidc| oidc.roles[0].role = Role::Admin).await;
    assert_eq!(raised.json()["role"], "admin");
    assert_eq!(again(&|oidc| drop(oidc.roles.remove(0))).await.status, 401);
    let other = again(&|oidc| oidc.issuer = "https://other.example.org".into()).await;
    assert_eq!(other.status, 401);
    let without = it.api.again(auth()).await;
    assert_eq!(without.status(WHO, &cookie).await, 401);
    assert!(it.is_in(&cookie).await);
    it.api.clock.advance(Duration::from_millis(1));
    let lines = [
        "POST /api/tokens/revoke",
        "Content-Type: application/json",
        CONFIGURED,
    ];
    it.api.ask(&lines, br#"{"subject":"oidc:7"}"#).await;
    assert!(!it.is_in(&cookie).await);
}

#[tokio::test]
async fn the_issuers_own_words_are_told_as_far_as_they_are_words() {
    let it = World::new().await;
    for (error, told) in [
        ("access_denied", "access_denied"),
        ("%3Cscript%3E", "something else"),
    ] {
        let visit = it.begin().await;
        let query = format!(
            "error={error}&error_description=x&state={}",
            visit.asked("state")
        );
        let reply = it.come_back(&visit.cookie, &query).await;
        assert_back(&reply, "denied", error);
        assert_eq!(it.reason().await, format!("oidc: the issuer says {told}"));
    }
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_refused() {
    let it = World::new().await;
    it.say(|script| {
        script.document["authorization_response_iss_parameter_supported"] = json!(true);
    });
    let own = it.issuer.script().url.replace(':', "%3A");
    for (iss, is_in) in [
        ("&iss=https%3A%2F%2Fevil.example".to_owned(), false),
        (String::new(), false),
        (format!("&iss={own}"), true),
    ] {
        let visit = it.begin().await;
        let query = it.issuer.sign_in(&visit.location);
        let reply = it.come_back(&visit.cookie, &format!("{query}{iss}")).await;
        match is_in {
            true => drop(cookie_of(&reply)),
            false => assert_back(&reply, "failed", &iss),
        }
    }
}

#[tokio::test]
async fn without_an_issuer_there_is_nothing() {
    let api = super::guarded().await;
    for path in ["/session/oidc", "/session/oidc/callback?code=1&state=2"] {
        assert_eq!(api.get(path).await.problem(), (409, "no-oidc".into()));
    }
    assert_eq!(api.get("/session/methods").await.json().get("oidc"), None);
}

#[tokio::test]
async fn whoever_signs_in_again_leaves_no_session_behind() {
    let it = World::new().await;
    let before = cookie_of(&it.sign_in().await);
    assert!(it.is_in(&before).await);
    // On the way back the browser shows no session: the issuer is another site.
    let begun = it.api.ask(&["GET /api/session/oidc", &before], b"").await;
    assert!(!it.is_in(&before).await);
    let visit = Visit::of(&begun);
    let query = it.issuer.sign_in(&visit.location);
    let after = cookie_of(&it.come_back(&visit.cookie, &query).await);
    assert!(it.is_in(&after).await);
}
