//! Any bytes as tokens and key sets.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use opspilot_core::clock::Timestamp;
use opspilot_core::config::{Auth, Secret};
use opspilot_core::module::Tasks;
use opspilot_core::testing::fuzz::Target;
use ring::hmac;

use super::errand::Background;
use super::tokens::Tokens;
use super::{key_set, provider};

/// Tokens as callers write them: none is accepted, for none is signed with the secret.
pub(crate) const TOKENS: Target = Target {
    name: "jwt",
    seeds: &[
        b"eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJvcHNwaWxvdCJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.",
        b"..",
    ],
    run: token,
};

/// Header and claims behind a right signature, parted by a zero byte: what is accepted has not ended.
pub(crate) const CLAIMS: Target = Target {
    name: "jwt_claims",
    seeds: &[
        b"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}\0{\"iss\":\"opspilot\",\"aud\":\"opspilot\",\"sub\":\"a\",\"jti\":\"j\",\"iat\":1771588700,\"nbf\":1771588700,\"exp\":1771589000,\"role\":\"viewer\",\"kind\":\"human\"}",
        b"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"x\",\"crit\":[]}\0{\"aud\":[\"a\",\"opspilot\"],\"exp\":1e300,\"exp\":1}",
    ],
    run: claims,
};

/// Key sets of other issuers.
pub(crate) const KEYS: Target = Target {
    name: "jwks",
    seeds: &[
        b"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":\"a\",\"use\":\"sig\"},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"kid\":\"b\",\"alg\":\"RS256\"},{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"c\"}]}",
    ],
    run: keys,
};

const SECRET: &[u8] = b"kq9S0mP2vX7cT4bN8zR1wY6uE3iO5aLd";
const NOW: Timestamp = Timestamp::from_millis(1_771_588_800_000);

static VERIFIER: LazyLock<Tokens> = LazyLock::new(|| {
    let auth = Auth {
        jwt_secret: Some(Secret::new(String::from_utf8_lossy(SECRET).into_owned())),
        ..Auth::default()
    };
    let opened = Tokens::open(&auth, &Background::on(Tasks::of("fuzz"))).now_or_never();
    opened
        .expect("no keys are fetched")
        .expect("there is a secret")
});

fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let verified = VERIFIER.verify(text, NOW).now_or_never();
    assert!(verified.expect("no keys are fetched").is_err(), "{text}");
}

fn claims(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let mut part = || URL_SAFE_NO_PAD.encode(parts.next().unwrap_or_default());
    let body = format!("{}.{}", part(), part());
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, body.as_bytes()));
    let text = format!("{body}.{signature}");
    let verified = VERIFIER.verify(&text, NOW).now_or_never();
    let Ok((claims, _)) = verified.expect("no keys are fetched") else {
        return;
    };
    let far = Timestamp::from_millis(NOW.as_millis() + 30 * 86_400_000);
    let later = VERIFIER.verify(&text, far).now_or_never();
    assert!(later.expect("no keys are fetched").is_err(), "{claims:?}");
}

fn keys(bytes: &[u8]) {
    provider::install();
    drop(key_set::parse(bytes));
}
