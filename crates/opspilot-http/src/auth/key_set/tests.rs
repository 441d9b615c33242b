//! Key sets from files and addresses.

use opspilot_core::module::Tasks;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::auth::testing::{ec_jwk, ed_jwk, ed25519, p256, rsa_2048, rsa_jwk};

fn background() -> Background {
    Background::on(Tasks::of("test"))
}

fn ids(set: &Value) -> Result<Vec<String>, String> {
    let keys = parse(set.to_string().as_bytes())?;
    let mut ids: Vec<String> = keys.into_keys().collect();
    ids.sort();
    Ok(ids)
}

fn changed(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

#[test]
fn only_public_keys_for_signatures_are_taken() {
    let (ed, rsa) = (ed_jwk("ed", &ed25519(1)), rsa_jwk("rsa", &rsa_2048()));
    let ec = ec_jwk("ec", &p256());
    assert_eq!(
        ids(&json!({ "keys": [ed, rsa, ec] })),
        Ok(vec!["ec".into(), "ed".into(), "rsa".into()])
    );
    let unfit = [
        json!({ "kty": "oct", "k": "AAAA", "kid": "a" }),
        changed(ed.clone(), "use", json!("enc")),
        changed(ed.clone(), "alg", json!("RS256")),
        changed(rsa.clone(), "alg", json!("RS512")),
        changed(rsa, "alg", json!("HS256")),
        changed(ed, "kid", Value::Null),
        changed(ec, "alg", json!("ES384")),
        json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "ec" }),
        json!({ "kty": "other", "kid": "b" }),
    ];
    for jwk in unfit {
        assert!(ids(&json!({ "keys": [jwk] })).is_err(), "{jwk}");
    }
    for text in ["", "[]", "{}", "{\"keys\":[]}", "<html>"] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_again_for_an_unknown_key_once_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let write = |ids: &[(&str, u8)]| {
        let keys: Vec<Value> = ids
            .iter()
            .map(|(id, seed)| ed_jwk(id, &ed25519(*seed)))
            .collect();
        std::fs::write(&path, json!({ "keys": keys }).to_string()).unwrap();
    };
    let set = KeySet {
        file: Some(path.clone()),
        ..KeySet::default()
    };
    assert!(KeyRing::open(&set, &background()).await.is_err(), "no file");
    write(&[("a", 1)]);
    let ring = KeyRing::open(&set, &background()).await.unwrap();
    let has = async |id: &str| ring.find(id, JwtAlgorithm::EdDsa).await.is_some();
    assert!(has("a").await);
    assert!(
        ring.find("a", JwtAlgorithm::Rs256).await.is_none(),
        "pinned"
    );
    write(&[("b", 2)]);
    assert!(!has("b").await, "too early");
    tokio::time::advance(RETRY).await;
    assert!(has("b").await);
    assert!(!has("a").await, "taken out");
    std::fs::write(&path, "broken").unwrap();
    tokio::time::advance(FRESH).await;
    assert!(has("b").await, "a failure leaves the keys");
    write(&[("c", 3)]);
    tokio::time::advance(FRESH).await;
    assert!(!has("b").await, "old keys are looked up again");
}

/// Answers one request with `answer`.
async fn serve_once(listener: &tokio::net::TcpListener, answer: String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn open_at(answer: impl Fn(String) -> String) -> KeyRing {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let set = KeySet {
        url: Some(format!("http://{}/keys", listener.local_addr().unwrap())),
        ..KeySet::default()
    };
    let body = json!({ "keys": [ed_jwk("a", &ed25519(1))] }).to_string();
    let served = serve_once(&listener, answer(body));
    let background = background();
    let (ring, ()) = tokio::join!(KeyRing::open(&set, &background), served);
    ring.unwrap()
}

#[tokio::test]
async fn keys_come_from_an_address_and_redirects_are_not_followed() {
    let ok = |body: String| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let ring = open_at(ok).await;
    assert!(ring.find("a", JwtAlgorithm::EdDsa).await.is_some());
    let moved = |_| {
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
            .to_owned()
    };
    let ring = open_at(moved).await;
    assert!(ring.find("a", JwtAlgorithm::EdDsa).await.is_none());
    let large = |_| {
        format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
            " ".repeat(SET_BYTES + 1)
        )
    };
    let ring = open_at(large).await;
    assert!(ring.find("a", JwtAlgorithm::EdDsa).await.is_none());
}

#[tokio::test]
async fn known_keys_are_found_while_the_set_is_read_once_for_all_who_ask_for_others() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let set = KeySet {
        url: Some(format!("http://{}/keys", listener.local_addr().unwrap())),
        ..KeySet::default()
    };
    let answer = |id: &str| {
        let body = json!({ "keys": [ed_jwk("a", &ed25519(1)), ed_jwk(id, &ed25519(2))] });
        let body = body.to_string();
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    };
    let background = background();
    let opened = KeyRing::open(&set, &background);
    let (ring, ()) = tokio::join!(opened, serve_once(&listener, answer("b")));
    let ring = ring.unwrap();
    tokio::time::pause();
    tokio::time::advance(RETRY).await;
    tokio::time::resume();
    let has = async |id: &str| ring.find(id, JwtAlgorithm::EdDsa).await.is_some();
    let mut gone = Box::pin(has("c"));
    assert!(futures_util::poll!(gone.as_mut()).is_pending());
    drop(gone);
    let mut late = Box::pin(has("c"));
    assert!(futures_util::poll!(late.as_mut()).is_pending());
    assert!(has("a").await, "nobody has answered yet");
    let (found, ()) = tokio::join!(late, serve_once(&listener, answer("c")));
    assert!(found && !has("b").await);
    let again = futures_util::poll!(Box::pin(listener.accept()));
    assert!(again.is_pending(), "read once");
}
