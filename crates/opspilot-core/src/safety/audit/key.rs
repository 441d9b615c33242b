//! The keys of the log.

mod file;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::safety::action::Digest;

pub use file::KeyError;

/// The name of every key, and the first line of every checkpoint.
pub(super) const NAME: &str = "opspilot-audit";

/// The type of signature "Ed25519". Source: <https://c2sp.org/signed-note>, "Signature types".
const ED25519_TYPE: u8 = 0x01;

/// The key that signs checkpoints; cloning it clones a handle.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    pair: Ed25519KeyPair,
    public: PublicKey,
    seal: hmac::Key,
}

impl SigningKey {
    /// A key that ends with the process, for a log that does so too.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn ephemeral() -> Result<Self, KeyError> {
        Self::from_pkcs8(&Self::generate()?).ok_or(KeyError::Entropy)
    }

    /// The same key in every test, so that a test can reopen a log.
    ///
    /// # Panics
    /// Never: any 32 bytes are a seed.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn of_tests() -> Self {
        Self::new(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 bytes are a seed"))
    }

    /// A new key as PKCS#8 (RFC 5958).
    fn generate() -> Result<Vec<u8>, KeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        Ok(document.map_err(|_| KeyError::Entropy)?.as_ref().to_vec())
    }

    fn from_pkcs8(bytes: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8(bytes).ok().map(Self::new)
    }

    fn new(pair: Ed25519KeyPair) -> Self {
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        // An Ed25519 signature depends on key and message alone (RFC 8032), and nobody ever sees this one.
        let secret = Digest::of(
            pair.sign(b"opspilot-audit seal of the head, version 1")
                .as_ref(),
        );
        Self(Arc::new(Inner {
            pair,
            public: PublicKey(public),
            seal: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        }))
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    pub(super) fn sign(&self, text: &str) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.pair.sign(text.as_bytes()).as_ref());
        signature
    }

    /// An HMAC-SHA256 under a secret that is derived from the key: a proof for ourselves, fifty times cheaper than a
    /// signature.
    pub(super) fn seal(&self, bytes: &[u8]) -> Digest {
        let mut seal = [0; 32];
        seal.copy_from_slice(hmac::sign(&self.0.seal, bytes).as_ref());
        Digest::from_bytes(seal)
    }

    pub(super) fn seals(&self, bytes: &[u8], seal: &Digest) -> bool {
        hmac::verify(&self.0.seal, bytes, seal.as_bytes()).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public", &self.0.public)
            .finish_non_exhaustive()
    }
}

/// The key that verifies checkpoints. Its text form is the verifier key of <https://c2sp.org/signed-note> as Go's
/// `sumdb/note` writes it: `opspilot-audit+<key id in hex>+<base64 of 0x01 and the 32 bytes>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The first four bytes of SHA-256 over name, line end, type and key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut text = [NAME.as_bytes(), b"\n", &[ED25519_TYPE]].concat();
        text.extend_from_slice(&self.0);
        let [a, b, c, d, ..] = *Digest::of(&text).as_bytes();
        [a, b, c, d]
    }

    pub(super) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.0);
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519_TYPE];
        bytes.extend_from_slice(&self.0);
        let id = u32::from_be_bytes(self.id());
        write!(f, "{NAME}+{id:08x}+{}", STANDARD.encode(bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not the public key of an audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a public key such as `opspilot-audit+0123abcd+AQ…=`: `opspilot-server audit key` prints it"
)]
pub struct PublicKeyError;

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(NAME), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(PublicKeyError);
        };
        let bytes = STANDARD.decode(key).map_err(|_| PublicKeyError)?;
        let Some((&ED25519_TYPE, key)) = bytes.split_first() else {
            return Err(PublicKeyError);
        };
        let key = Self(key.try_into().map_err(|_| PublicKeyError)?);
        // The id in the middle is a checksum: one text for one key.
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(PublicKeyError)
        }
    }
}
