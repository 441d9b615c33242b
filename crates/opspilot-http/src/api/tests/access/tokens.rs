//! Attacks on tokens: all of them are 401, with nothing said of why.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opspilot_core::config::{Auth, JwtAlgorithm, KeySet};
use opspilot_core::safety::identity::{Kind, Role};
use serde_json::{Value, json};

use super::super::Fixture;
use super::{HOUR, auth, claims, guarded, guarded_by, root, signed};
use crate::auth::testing::{SECRET, Sign, ed_jwk, ed25519, hs256, rs256, rsa_2048, rsa_jwk, token};

const READ: &str = "GET /api/incidents";

fn header() -> Value {
    json!({ "alg": "HS256", "typ": "at+jwt" })
}

/// `object` with other values; `null` removes a name.
fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value.is_null() {
            true => drop(object.as_object_mut().unwrap().remove(name)),
            false => object[name] = value.clone(),
        }
    }
    object
}

async fn check(api: &Fixture, what: &str, header: &str, expected: u16) {
    assert_eq!(api.status(READ, header).await, expected, "{what}");
}

#[tokio::test]
async fn claims_must_all_be_there_and_fit() {
    let api = guarded().await;
    let now = api.bench.clock.now();
    let s = now.as_millis() / 1_000;
    let rows = [
        (json!({}), 200),
        (json!({ "aud": ["other", "opspilot"] }), 200),
        (json!({ "exp": s + 28_800 }), 200),
        (json!({ "nbf": s + 4, "iat": s + 4 }), 200),
        (json!({ "iat": s - 10, "nbf": s - 10, "exp": s - 4 }), 200),
        (json!({ "extra": { "deep": [1] } }), 200),
        (json!({ "aud": null }), 401),
        (json!({ "aud": "other" }), 401),
        (json!({ "aud": [] }), 401),
        (json!({ "aud": [1] }), 401),
        (json!({ "iss": null }), 401),
        (json!({ "iss": "other" }), 401),
        (json!({ "iss": ["opspilot"] }), 401),
        (json!({ "sub": null }), 401),
        (json!({ "sub": "" }), 401),
        (json!({ "sub": 1 }), 401),
        (json!({ "sub": "a\nb" }), 401),
        (json!({ "jti": null }), 401),
        (json!({ "iat": null }), 401),
        (json!({ "nbf": null }), 401),
        (json!({ "exp": null }), 401),
        (json!({ "nbf": s + 300 }), 401),
        (json!({ "iat": s + 300 }), 401),
        (json!({ "iat": s - 60, "nbf": s - 60, "exp": s - 30 }), 401),
        (json!({ "iat": s - 60, "nbf": s - 60, "exp": s - 5 }), 401),
        (json!({ "exp": s }), 401),
        (json!({ "exp": s + 28_801 }), 401),
        (json!({ "exp": 253_402_300_799_i64 }), 401),
        (json!({ "exp": 1e300 }), 401),
        (json!({ "exp": i64::MAX }), 401),
        (json!({ "exp": u64::MAX }), 401),
        (json!({ "exp": -1 }), 401),
        (json!({ "exp": (s + 60).to_string() }), 401),
        (json!({ "kind": "service", "exp": s + 3_601 }), 401),
        (json!({ "role": null }), 401),
        (json!({ "role": "boss" }), 401),
        (json!({ "role": ["admin"] }), 401),
        (json!({ "kind": "god" }), 401),
    ];
    for (changes, expected) in rows {
        let header = signed(&header(), &with(claims(now), &changes));
        check(&api, &changes.to_string(), &header, expected).await;
    }
}

#[tokio::test]
async fn headers_choose_neither_algorithm_nor_key() {
    let api = guarded().await;
    let claims = claims(api.bench.clock.now());
    let rows = [
        (json!({}), 200),
        (json!({ "typ": "application/at+jwt" }), 200),
        (json!({ "typ": "JWT" }), 401),
        (json!({ "typ": null }), 401),
        (json!({ "alg": "none" }), 401),
        (json!({ "alg": "None" }), 401),
        (json!({ "alg": "HS512" }), 401),
        (json!({ "alg": "RS256" }), 401),
        (json!({ "alg": "EdDSA" }), 401),
        (json!({ "alg": null }), 401),
        (json!({ "kid": "../../x" }), 401),
        (json!({ "kid": "/dev/null" }), 401),
        (json!({ "kid": "' OR 1=1 --" }), 401),
        (json!({ "kid": "" }), 401),
        (json!({ "kid": 7 }), 401),
        (json!({ "crit": ["exp"] }), 401),
        // These are signed with the right secret, so what they point to must not matter.
        (json!({ "jku": "https://evil.example/keys" }), 200),
        (json!({ "x5u": "https://evil.example/x5u" }), 200),
        (json!({ "jwk": { "kty": "oct", "k": "AAAA" } }), 200),
    ];
    for (changes, expected) in rows {
        let header = signed(&with(header(), &changes), &claims);
        check(&api, &changes.to_string(), &header, expected).await;
    }
    // Signed with a key that the token itself brings.
    let brought = with(
        header(),
        &json!({ "jwk": { "kty": "oct", "k": "c2VjcmV0" }, "jku": "http://127.0.0.1:1/" }),
    );
    let text = token(&brought.to_string(), &claims.to_string(), &hs256(b"secret"));
    check(
        &api,
        "its own key",
        &format!("Authorization: Bearer {text}"),
        401,
    )
    .await;
}

#[tokio::test]
async fn signatures_and_parts_must_be_whole() {
    let api = guarded().await;
    let good = signed(&header(), &claims(api.bench.clock.now()));
    check(&api, "good", &good, 200).await;
    let body = good.rsplit_once('.').unwrap().0;
    let long = format!("Authorization: Bearer {}", "a.".repeat(6 * 1024));
    let rows = [
        ("no signature", format!("{body}.")),
        ("two parts", body.to_owned()),
        ("four parts", format!("{good}.x")),
        (
            "cut signature",
            good.get(..good.len() - 2).unwrap().to_owned(),
        ),
        ("longer signature", format!("{good}AA")),
        ("padding", format!("{good}=")),
        ("another's signature", format!("{body}.{}", "A".repeat(43))),
        ("12 KiB", long),
        ("nothing", "Authorization: Bearer ..".into()),
    ];
    for (what, header) in rows {
        check(&api, what, &header, 401).await;
    }
    // The server of HTTP refuses such a header before anybody looks at it.
    let huge = format!("Authorization: Bearer {}", "a".repeat(1024 * 1024));
    check(&api, "a megabyte", &huge, 431).await;
    let other = token(
        &header().to_string(),
        &claims(api.bench.clock.now()).to_string(),
        &hs256(b"another secret of thirty-two byte"),
    );
    check(
        &api,
        "another secret",
        &format!("Authorization: Bearer {other}"),
        401,
    )
    .await;
}

#[tokio::test]
async fn a_name_that_is_given_twice_is_refused() {
    let api = guarded().await;
    let plain = claims(api.bench.clock.now()).to_string();
    let sign = hs256(SECRET.as_bytes());
    let double = |text: &str, more: &str| text.replacen('{', &format!("{{{more},"), 1);
    let head = header().to_string();
    let rows = [
        (
            "role",
            token(&head, &double(&plain, r#""role":"admin""#), &sign),
        ),
        (
            "sub",
            token(&head, &double(&plain, r#""sub":"root""#), &sign),
        ),
        (
            "extra",
            token(
                &head,
                &double(&double(&plain, r#""x":1"#), r#""x":2"#),
                &sign,
            ),
        ),
        (
            "alg",
            token(&double(&head, r#""alg":"none""#), &plain, &sign),
        ),
        (
            "typ",
            token(&double(&head, r#""typ":"JWT""#), &plain, &sign),
        ),
    ];
    for (what, text) in rows {
        check(&api, what, &format!("Authorization: Bearer {text}"), 401).await;
    }
}

#[tokio::test]
async fn the_role_on_record_counts_and_not_the_one_in_the_token() {
    let api = guarded().await;
    let (viewer, jti) = api.jwt(Role::Viewer, Kind::Human).await;
    assert_eq!(api.status("GET /api/keys", &viewer).await, 403);
    // Somebody who has the secret signs another role into a token of that id: the record stands.
    let forged = with(
        claims(api.bench.clock.now()),
        &json!({ "jti": jti, "role": "admin" }),
    );
    assert_eq!(
        api.status("GET /api/keys", &signed(&header(), &forged))
            .await,
        403
    );
    let other = with(forged, &json!({ "sub": "root" }));
    assert_eq!(
        api.status("GET /api/keys", &signed(&header(), &other))
            .await,
        401
    );
    // A changed claim breaks the signature.
    let (body, signature) = viewer.rsplit_once('.').unwrap();
    let (head, _) = body.rsplit_once('.').unwrap();
    let changed = token("{}", r#"{"role":"admin"}"#, &|_| Vec::new());
    let changed = changed.split('.').nth(1).unwrap().to_owned();
    assert_eq!(
        api.status("GET /api/keys", &format!("{head}.{changed}.{signature}"))
            .await,
        401
    );
}

#[tokio::test]
async fn a_revocation_holds_from_the_next_request_on() {
    let api = guarded().await;
    let credentials = &api.bench.access.credentials;
    let (first, jti) = api.jwt(Role::Viewer, Kind::Human).await;
    let (second, _) = api.jwt(Role::Viewer, Kind::Human).await;
    let foreign = signed(&header(), &claims(api.bench.clock.now()));
    assert_eq!(api.status(READ, &first).await, 200);
    credentials.revoke_token(&root(), &jti).await.unwrap();
    assert_eq!(api.status(READ, &first).await, 401);
    assert_eq!(api.status(READ, &second).await, 200);
    api.clock.advance(Duration::from_secs(1));
    credentials.revoke_subject(&root(), "ann").await.unwrap();
    assert_eq!(api.status(READ, &second).await, 401);
    assert_eq!(
        api.status(READ, &foreign).await,
        401,
        "also tokens that were not issued here"
    );
    let (later, _) = api.jwt(Role::Viewer, Kind::Human).await;
    assert_eq!(api.status(READ, &later).await, 200);
    let (key, text) = api.key(Role::Viewer, Kind::Human).await;
    assert_eq!(api.status(READ, &key).await, 200);
    credentials.revoke_key(&root(), text.id()).await.unwrap();
    assert_eq!(api.status(READ, &key).await, 401);
}

#[tokio::test]
async fn a_bad_credential_never_falls_through_to_another() {
    let api = guarded().await;
    let (good, _) = api.key(Role::Viewer, Kind::Human).await;
    for bad in [
        "Authorization: Bearer x",
        "Authorization: Basic eA==",
        "Authorization: Bearer",
    ] {
        assert_eq!(api.ask(&[READ, bad, &good], b"").await.status, 401, "{bad}");
    }
    let cookie = format!("Cookie: opspilot_session={}", "a".repeat(43));
    assert_eq!(
        api.ask(&[READ, "X-API-Key: x", &cookie], b"").await.status,
        401
    );
    assert_eq!(
        api.ask(&[READ, &good, &cookie], b"").await.status,
        200,
        "the key comes first"
    );
}

/// A server that also takes tokens of another issuer, whose keys are in a file of `folder`.
fn with_key_set(folder: &tempfile::TempDir) -> Auth {
    let set = json!({ "keys": [
        ed_jwk("ed", &ed25519(1)),
        rsa_jwk("rsa", &rsa_2048()),
        { "kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "shared", "alg": "HS256" },
    ] });
    let path = folder.path().join("keys.json");
    std::fs::write(&path, set.to_string()).unwrap();
    Auth {
        algorithms: vec![
            JwtAlgorithm::Hs256,
            JwtAlgorithm::EdDsa,
            JwtAlgorithm::Rs256,
        ],
        jwks: Some(KeySet {
            file: Some(path),
            url: None,
            issuer: Some("https://idp.example.org".into()),
        }),
        ..auth()
    }
}

fn bearer(head: &str, claims: &Value, sign: Sign<'_>) -> String {
    format!(
        "Authorization: Bearer {}",
        token(head, &claims.to_string(), sign)
    )
}

fn head(alg: &str, kid: &Value) -> String {
    with(header(), &json!({ "alg": alg, "kid": kid })).to_string()
}

/// What the other issuer says.
fn theirs(api: &Fixture) -> Value {
    with(
        claims(api.bench.clock.now()),
        &json!({ "iss": "https://idp.example.org" }),
    )
}

fn sign_ed(seed: u8) -> impl Fn(&[u8]) -> Vec<u8> {
    let pair = ed25519(seed);
    move |message| pair.sign(message).as_ref().to_vec()
}

#[tokio::test]
async fn tokens_of_another_issuer_are_pinned_to_key_algorithm_and_issuer() {
    let folder = tempfile::tempdir().unwrap();
    let api = guarded_by(with_key_set(&folder)).await;
    let (theirs, ours) = (theirs(&api), claims(api.bench.clock.now()));
    let (rsa, ed) = (rsa_2048(), sign_ed(1));
    let rsa = rs256(&rsa);
    let rows = [
        (
            "Ed25519",
            "EdDSA",
            json!("ed"),
            &theirs,
            &ed as Sign<'_>,
            200,
        ),
        ("RSA", "RS256", json!("rsa"), &theirs, &rsa, 200),
        ("no kid", "EdDSA", Value::Null, &theirs, &ed, 401),
        ("unknown kid", "EdDSA", json!("new"), &theirs, &ed, 401),
        (
            "kid of the RSA key",
            "EdDSA",
            json!("rsa"),
            &theirs,
            &ed,
            401,
        ),
        ("our issuer", "EdDSA", json!("ed"), &ours, &ed, 401),
        (
            "another's key",
            "EdDSA",
            json!("ed"),
            &theirs,
            &sign_ed(2),
            401,
        ),
        ("RS512", "RS512", json!("rsa"), &theirs, &rsa, 401),
        ("PS256", "PS256", json!("rsa"), &theirs, &rsa, 401),
        (
            "our secret",
            "HS256",
            Value::Null,
            &theirs,
            &hs256(SECRET.as_bytes()),
            401,
        ),
    ];
    for (what, alg, kid, claims, sign, expected) in rows {
        let header = bearer(&head(alg, &kid), claims, sign);
        check(&api, what, &header, expected).await;
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    let folder = tempfile::tempdir().unwrap();
    let api = guarded_by(with_key_set(&folder)).await;
    let jwk = rsa_jwk("rsa", &rsa_2048());
    let modulus = jwk["n"].as_str().unwrap();
    let secrets = [
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        modulus.as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
        b"secret-secret-secret-secret-secret".to_vec(),
        Vec::new(),
    ];
    for secret in secrets {
        for kid in [json!("rsa"), json!("shared"), json!("ed"), Value::Null] {
            for claims in [theirs(&api), claims(api.bench.clock.now())] {
                let header = bearer(&head("HS256", &kid), &claims, &hs256(&secret));
                check(&api, &format!("{kid} {secret:?}"), &header, 401).await;
            }
        }
    }
}

#[tokio::test]
async fn an_issuer_who_says_no_kind_speaks_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let api = guarded_by(with_key_set(&folder)).await;
    let base = json!({ "iss": "https://idp.example.org", "role": "admin" });
    let mut kinds = Vec::new();
    for kind in [Value::Null, json!("human"), json!("agent")] {
        let changes = with(base.clone(), &json!({ "kind": kind }));
        let mut said = with(claims(api.bench.clock.now()), &changes);
        if kind.is_null() {
            said.as_object_mut().unwrap().remove("kind");
        }
        let header = bearer(&head("EdDSA", &json!("ed")), &said, &sign_ed(1));
        let who = api.ask(&["GET /api/session", &header], b"").await;
        kinds.push(who.json()["kind"].clone());
    }
    assert_eq!(kinds, ["service", "human", "agent"]);
}

#[tokio::test]
async fn tokens_that_are_issued_here_pass_for_as_long_as_they_say() {
    let api = guarded().await;
    let (service, _) = api.jwt(Role::Operator, Kind::Service).await;
    let (human, _) = api.jwt(Role::Operator, Kind::Human).await;
    let mut hours = (0, 0);
    for _ in 0..10 {
        hours.0 += u32::from(api.status(READ, &service).await == 200);
        hours.1 += u32::from(api.status(READ, &human).await == 200);
        api.clock.advance(HOUR + Duration::from_secs(6));
    }
    assert_eq!(hours, (1, 8));
}
