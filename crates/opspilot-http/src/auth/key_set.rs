//! The public keys of another issuer: a JSON Web Key Set (RFC 7517), from a file or an address.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
};
use opspilot_core::config::{JwtAlgorithm, KeySet};
use opspilot_core::error::chain;
use opspilot_core::module::RunError;
use tokio::time::Instant;
use tracing::{info, warn};

use super::errand::{Background, Errand};
use super::fetch::{client, fetch};

/// How often the set is read again for a key that it does not have.
const RETRY: Duration = Duration::from_mins(1);

/// How long a set is used before it is read again, so that a key that was taken out stops to count.
const FRESH: Duration = Duration::from_mins(10);

/// How long reading a set may take.
const PATIENCE: Duration = Duration::from_secs(6);

/// The largest set, in bytes.
const SET_BYTES: usize = 256 * 1024;

/// The most keys of a set.
const SET_KEYS: usize = 100;

/// The keys of another issuer, by their ids.
#[derive(Debug)]
pub(super) struct KeyRing {
    shelf: Arc<Shelf>,
    errand: Errand,
}

/// Where the keys are, and those that were read.
#[derive(Debug)]
struct Shelf {
    place: Place,
    /// Held for a moment at a time, never while the set is read.
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
    /// Why the set could not be read when that was tried last.
    fault: Option<String>,
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
    pub(super) async fn open(set: &KeySet, background: &Background) -> Result<Self, RunError> {
        let place = match (&set.file, &set.url) {
            (Some(path), _) => Place::File(path.clone()),
            (None, Some(url)) => Place::Url(url.clone(), client("auth.jwks.url")?),
            (None, None) => return Err(RunError::message("`auth.jwks` names no keys")),
        };
        let first = place.read().await;
        if let (Err(message), Place::File(path)) = (&first, &place) {
            let name = path.display();
            let message = format!("cannot use the keys in `{name}`: {message}");
            return Err(RunError::message(message));
        }
        let mut cache = Cache::default();
        cache.renew(first);
        Ok(Self {
            shelf: Arc::new(Shelf {
                place,
                cache: Mutex::new(cache),
            }),
            errand: background.errand("key set"),
        })
    }

    /// Why no key is for one of `algorithms`; `None` if one is.
    pub(super) fn unusable(&self, algorithms: &[JwtAlgorithm]) -> Option<String> {
        let cache = self.shelf.cache();
        let is_fit = |key: &Pinned| algorithms.contains(&key.algorithm);
        if cache.keys.values().any(is_fit) {
            return None;
        }
        let none = || "none of them is for an algorithm that it signs with".to_owned();
        Some(cache.fault.clone().unwrap_or_else(none))
    }

    /// The key `id`, if it is for `algorithm`.
    ///
    /// # Cancel safety
    /// A set that is being read is read to its end.
    pub(super) async fn find(&self, id: &str, algorithm: JwtAlgorithm) -> Option<DecodingKey> {
        let is_due = || self.shelf.cache().is_due(id);
        let read = || Arc::clone(&self.shelf).read();
        self.errand.run(is_due, read).await;
        let cache = self.shelf.cache();
        let found = cache.keys.get(id)?;
        (found.algorithm == algorithm).then(|| found.key.clone())
    }
}

impl Shelf {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(self: Arc<Self>) {
        let read = self.place.read().await;
        self.cache().renew(read);
    }
}

impl Place {
    /// The keys that are there now.
    async fn read(&self) -> Result<HashMap<String, Pinned>, String> {
        let bytes = async {
            match self {
                Self::File(path) => read_file(path.clone()).await,
                Self::Url(url, client) => fetch(client, url, SET_BYTES).await,
            }
        };
        let read = tokio::time::timeout(PATIENCE, bytes).await;
        let late = |_| format!("it cannot be read within {} s", PATIENCE.as_secs());
        parse(&read.map_err(late)??)
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
        self.fault = read.as_ref().err().cloned();
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
mod tests;
