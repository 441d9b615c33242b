//! Keys and tokens for tests. The private keys are made for these tests and protect nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use ring::{hmac, rsa};
use serde_json::{Value, json};

/// The secret of the server in tests.
pub(crate) const SECRET: &str = "kq9S0mP2vX7cT4bN8zR1wY6uE3iO5aLd";

/// Signs the first two parts of a token.
pub(crate) type Sign<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

/// A token with this header and these claims, written as they stand.
pub(crate) fn token(header: &str, claims: &str, sign: Sign<'_>) -> String {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let body = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let signature = encode(&sign(body.as_bytes()));
    format!("{body}.{signature}")
}

/// Signs with HMAC and SHA-256.
pub(crate) fn hs256(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

/// An Ed25519 key pair.
pub(crate) fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// An RSA key pair of 2,048 bits.
pub(crate) fn rsa_2048() -> RsaKeyPair {
    let text = include_str!("testdata/rsa-2048.txt").replace('\n', "");
    RsaKeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap()
}

/// Signs with RSA and SHA-256.
pub(crate) fn rs256(pair: &RsaKeyPair) -> impl Fn(&[u8]) -> Vec<u8> {
    move |message| {
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .unwrap();
        signature
    }
}

/// A new key pair of P-256.
pub(crate) fn p256() -> EcdsaKeyPair {
    let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let text = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(kind, text.as_ref(), &random).unwrap()
}

/// Signs with P-256 and SHA-256.
pub(crate) fn es256(pair: &EcdsaKeyPair) -> impl Fn(&[u8]) -> Vec<u8> {
    move |message| {
        let signature = pair.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    }
}

/// The public key of P-256 as a JWK.
pub(crate) fn ec_jwk(id: &str, pair: &EcdsaKeyPair) -> Value {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": id, "use": "sig", "alg": "ES256" })
}

/// The public Ed25519 key as a JWK.
pub(crate) fn ed_jwk(id: &str, pair: &Ed25519KeyPair) -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": id, "use": "sig", "alg": "EdDSA" })
}

/// The public RSA key as a JWK.
pub(crate) fn rsa_jwk(id: &str, pair: &RsaKeyPair) -> Value {
    let parts: rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    json!({ "kty": "RSA", "n": encode(&parts.n), "e": encode(&parts.e), "kid": id })
}
