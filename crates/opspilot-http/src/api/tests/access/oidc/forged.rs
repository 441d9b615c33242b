//! Tokens of an issuer: which let somebody in, and which do not.

use serde_json::{Value, json};

use super::issuer::Signer;
use super::{World, assert_back, cookie_of};

/// A token that must let nobody in: its header, what is changed in its claims, how it is signed, and what is said of it.
type Forged = (Value, Value, Signer, &'static str);

fn with_forged_claims() -> Vec<Forged> {
    let usual = || json!({ "alg": "RS256", "kid": "rsa" });
    let with = |claims: Value, reason| (usual(), claims, Signer::Rsa, reason);
    vec![
        with(json!({ "nonce": "another" }), "another nonce"),
        with(json!({ "nonce": null }), "another nonce"),
        with(json!({ "aud": "other" }), "another audience"),
        with(json!({ "aud": null }), "no audience"),
        with(json!({ "aud": [] }), "another audience"),
        with(
            json!({ "aud": ["opspilot", "other"] }),
            "issued to another party",
        ),
        with(json!({ "azp": "other" }), "issued to another party"),
        with(json!({ "azp": 7 }), "issued to another party"),
        with(json!({ "iss": "https://evil.example" }), "another issuer"),
        with(json!({ "iss": null }), "another issuer"),
        with(json!({ "exp": "now-1h" }), "expired"),
        with(json!({ "exp": null }), "no end"),
        with(json!({ "exp": 1e300 }), "no end"),
        with(
            json!({ "iat": "now+1h", "exp": "now+1h" }),
            "issued in the future",
        ),
        with(json!({ "iat": "now-1h" }), "issued before"),
        with(json!({ "iat": null }), "no time of issue"),
        with(json!({ "nbf": "now+1h" }), "not valid yet"),
        with(json!({ "nbf": "soon" }), "beginning"),
        with(json!({ "sub": null }), "no subject"),
        with(json!({ "sub": "" }), "no subject"),
        with(json!({ "sub": "a\u{202e}b" }), "no subject"),
        with(json!({ "sub": "a".repeat(300) }), "no subject"),
    ]
}

fn with_forged_headers() -> Vec<Forged> {
    let headed = |header: Value, signer, reason| (header, json!({}), signer, reason);
    vec![
        headed(
            json!({ "alg": "none", "kid": "rsa" }),
            Signer::Nothing,
            "algorithm",
        ),
        headed(
            json!({ "alg": "RS256", "kid": "rsa" }),
            Signer::Nothing,
            "signature",
        ),
        headed(
            json!({ "alg": "HS256", "kid": "rsa" }),
            Signer::PublicKeyAsSecret,
            "algorithm",
        ),
        headed(
            json!({ "alg": "RS512", "kid": "rsa" }),
            Signer::Rsa,
            "algorithm",
        ),
        headed(
            json!({ "alg": "ES256", "kid": "rsa" }),
            Signer::P256,
            "unknown key",
        ),
        headed(
            json!({ "alg": "ES256", "kid": "ec" }),
            Signer::Stranger,
            "signature",
        ),
        headed(
            json!({ "alg": "RS256", "kid": "ec" }),
            Signer::Rsa,
            "unknown key",
        ),
        headed(json!({ "alg": "RS256" }), Signer::Rsa, "names no key"),
        headed(
            json!({ "alg": "RS256", "kid": "../../x" }),
            Signer::Rsa,
            "unknown key",
        ),
        headed(
            json!({ "alg": "RS256", "kid": "x", "jwk": { "kty": "RSA" }, "jku": "http://127.0.0.1:1/" }),
            Signer::Rsa,
            "unknown key",
        ),
        headed(
            json!({ "alg": "RS256", "kid": "rsa", "typ": "at+jwt" }),
            Signer::Rsa,
            "another type",
        ),
        headed(
            json!({ "alg": "RS256", "kid": "rsa", "crit": ["exp"] }),
            Signer::Rsa,
            "critical",
        ),
    ]
}

#[tokio::test]
async fn tokens_that_are_not_what_was_asked_for_let_nobody_in() {
    let forged = [with_forged_claims(), with_forged_headers()].concat();
    for chunk in forged.chunks(5) {
        let it = World::new().await;
        for (header, claims, signer, reason) in chunk {
            it.say(|script| {
                script.header = header.clone();
                script.claims = claims.clone();
                script.signer = *signer;
            });
            let what = format!("{header} {claims}");
            assert_back(&it.sign_in().await, "failed", &what);
            let told = async || {
                let audit = it
                    .api
                    .audit(|all| all.iter().any(|entry| entry.action == "auth.refused"))
                    .await;
                audit.iter().any(|entry| {
                    entry.details["reason"]
                        .as_str()
                        .is_some_and(|said| said.contains(reason))
                })
            };
            let mut is_told = told().await;
            for _ in 0..500 {
                if is_told {
                    break;
                }
                tokio::task::yield_now().await;
                is_told = told().await;
            }
            assert!(is_told, "{what}: not `{reason}` but {}", it.reason().await);
        }
    }
}

#[tokio::test]
async fn both_algorithms_let_in_and_only_those_that_the_issuer_names() {
    let it = World::new().await;
    it.say(|script| {
        script.signer = Signer::P256;
        script.header = json!({ "alg": "ES256", "kid": "ec", "typ": "JWT" });
    });
    cookie_of(&it.sign_in().await);
    let it = World::new().await;
    it.say(|script| {
        script.document["id_token_signing_alg_values_supported"] = json!(["RS256"]);
        script.signer = Signer::P256;
        script.header = json!({ "alg": "ES256", "kid": "ec" });
    });
    assert_back(&it.sign_in().await, "failed", "pinned by discovery");
    assert!(it.reason().await.contains("none of the issuer's"));
}
