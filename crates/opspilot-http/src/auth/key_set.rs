//! The public keys of another issuer: a JSON Web Key Set (RFC 7517), from a file or an address.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::BodyExt as _;
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

/// How often the set is read again for a key that it does not have.
const RETRY: Duration = Duration::from_mins(1);

/// How long a set is used before it is read again, so that a key that was taken out stops to count.
const FRESH: Duration = Duration::from_mins(10);

/// How long reading the set may take.
const PATIENCE: Duration = Duration::from_secs(5);

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
struct Pinned {
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
            (None, Some(url)) => Place::Url(url.clone(), client()?),
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
            Place::Url(url, client) => fetch(client, url).await?,
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

/// The usable keys of a set: RSA and Ed25519, for signatures, with an id. A set never brings a shared secret.
fn parse(bytes: &[u8]) -> Result<HashMap<String, Pinned>, String> {
    let set: JwkSet =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no key set: {error}"))?;
    let usable = set.keys.iter().take(SET_KEYS).filter_map(pinned);
    let keys: HashMap<String, Pinned> = usable.collect();
    if keys.is_empty() {
        return Err("it has no RSA or Ed25519 key with a `kid`".to_owned());
    }
    Ok(keys)
}

fn pinned(jwk: &Jwk) -> Option<(String, Pinned)> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (JwtAlgorithm::Rs256, KeyAlgorithm::RS256),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (JwtAlgorithm::EdDsa, KeyAlgorithm::EdDSA)
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

async fn fetch(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, String> {
    let told = |error: reqwest::Error| chain(&error.without_url());
    let response = client.get(url).send().await.map_err(told)?;
    let response = response.error_for_status().map_err(told)?;
    let body = http_body_util::Limited::new(reqwest::Body::from(response), SET_BYTES);
    let body = body.collect().await.map_err(|error| error.to_string())?;
    Ok(body.to_bytes().to_vec())
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.len() > SET_BYTES {
        return Err(format!("it is larger than {SET_BYTES} bytes"));
    }
    Ok(bytes)
}

fn client() -> Result<reqwest::Client, RunError> {
    // It fails when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("opspilot/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| RunError::new("cannot make an HTTP client for `auth.jwks.url`", error))
}
