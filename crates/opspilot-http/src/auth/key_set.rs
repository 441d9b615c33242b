//! The public keys of another issuer: a JSON Web Key Set (RFC 7517), from a file or an address.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
};
use opspilot_core::config::{JwtAlgorithm, KeySet};
use opspilot_core::error::chain;
use opspilot_core::module::RunError;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::fetch::{client, fetch};

/// How often the set is read again for a key that it does not have.
const RETRY: Duration = Duration::from_mins(1);

/// How long a set is used before it is read again, so that a key that was taken out stops to count.
const FRESH: Duration = Duration::from_mins(10);

/// The largest set, in bytes.
const SET_BYTES: usize = 256 * 1024;

/// The most keys of a set.
const SET_KEYS: usize = 100;

/// The keys of another issuer, by their ids.
#[derive(Debug)]
pub(super) struct KeyRing {
    place: Place,
    cache: Mutex<Cache>,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Url(String, reqwest::Client),
}

#[derive(Default)]
struct Cache {
    keys: HashMap<String, Pinned>,
    tried_at: Option<Instant>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

/// A key with the one algorithm it may be used with.
pub(super) struct Pinned {
    algorithm: JwtAlgorithm,
    key: DecodingKey,
}

impl KeyRing {
    /// Reads the set that `set` names. An address that does not answer is tried again later.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(super) async fn open(set: &KeySet) -> Result<Self, RunError> {
        let place = match (&set.file, &set.url) {
            (Some(path), _) => Place::File(path.clone()),
            (None, Some(url)) => Place::Url(url.clone(), client("auth.jwks.url")?),
            (None, None) => return Err(RunError::message("`auth.jwks` names no keys")),
        };
        let ring = Self {
            place,
            cache: Mutex::default(),
        };
        let first = ring.read().await;
        match (first, &ring.place) {
            (Ok(keys), _) => ring.cache.lock().await.renew(Ok(keys)),
            (Err(message), Place::File(path)) => {
                let name = path.display();
                return Err(RunError::message(format!(
                    "cannot use the keys in `{name}`: {message}"
                )));
            }
            (Err(message), Place::Url(..)) => ring.cache.lock().await.renew(Err(message)),
        }
        Ok(ring)
    }

    /// True while no set could be read.
    pub(super) async fn is_empty(&self) -> bool {
        self.cache.lock().await.keys.is_empty()
    }

    /// The key `id`, if it is for `algorithm`.
    pub(super) async fn find(&self, id: &str, algorithm: JwtAlgorithm) -> Option<DecodingKey> {
        let mut cache = self.cache.lock().await;
        if cache.is_due(id) {
            let read = self.read().await;
            cache.renew(read);
        }
        let found = cache.keys.get(id)?;
        (found.algorithm == algorithm).then(|| found.key.clone())
    }

    async fn read(&self) -> Result<HashMap<String, Pinned>, String> {
        let bytes = match &self.place {
            Place::File(path) => read_file(path.clone()).await?,
            Place::Url(url, client) => fetch(client, url, SET_BYTES).await?,
        };
        parse(&bytes)
    }
}

impl Cache {
    fn is_due(&self, id: &str) -> bool {
        let wait = if self.keys.contains_key(id) {
            FRESH
        } else {
            RETRY
        };
        self.tried_at.is_none_or(|tried| tried.elapsed() >= wait)
    }

    /// Takes what was read; a failure leaves the keys as they are.
    fn renew(&mut self, read: Result<HashMap<String, Pinned>, String>) {
        self.tried_at = Some(Instant::now());
        match read {
            Ok(keys) => {
                info!(
                    keys = keys.len(),
                    "read the public keys of the other issuer"
                );
                self.keys = keys;
            }
            Err(message) => warn!(
                error = message,
                "cannot read the public keys of the other issuer"
            ),
        }
    }
}

/// The usable keys of a set: RSA, Ed25519 and P-256, for signatures, with an id. A set never brings a shared secret.
pub(super) fn parse(bytes: &[u8]) -> Result<HashMap<String, Pinned>, String> {
    let set: JwkSet =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no key set: {error}"))?;
    let usable = set.keys.iter().take(SET_KEYS).filter_map(pinned);
    let keys: HashMap<String, Pinned> = usable.collect();
    if keys.is_empty() {
        return Err("it has no RSA, Ed25519 or P-256 key with a `kid`".to_owned());
    }
    Ok(keys)
}

fn pinned(jwk: &Jwk) -> Option<(String, Pinned)> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (JwtAlgorithm::Rs256, KeyAlgorithm::RS256),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (JwtAlgorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            (JwtAlgorithm::Es256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    let is_named = jwk.common.key_algorithm.is_none_or(|given| given == name);
    let usage = jwk.common.public_key_use.as_ref();
    let signs = usage.is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let id = jwk.common.key_id.clone().filter(|_| is_named && signs)?;
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((id, Pinned { algorithm, key }))
}

async fn read_file(path: PathBuf) -> Result<Vec<u8>, String> {
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let limit = SET_BYTES as u64 + 1;
        std::fs::File::open(path)?
            .take(limit)
            .read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    });
    let bytes = read.await.map_err(|error| chain(&error))?;
    let bytes = bytes.map_err(|error| error.to_string())?;
    bounded(bytes)
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.len() > SET_BYTES {
        return Err(format!("it is larger than {SET_BYTES} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::auth::testing::{ec_jwk, ed_jwk, ed25519, p256, rsa_2048, rsa_jwk};

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
        assert!(KeyRing::open(&set).await.is_err(), "no file");
        write(&[("a", 1)]);
        let ring = KeyRing::open(&set).await.unwrap();
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
        let (ring, ()) = tokio::join!(KeyRing::open(&set), served);
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
}
