//! API keys: `opk_<id>_<secret>_<check sum>`.
//!
//! The prefix lets scanners find keys in repositories and logs; the check sum (CRC-32 of all before it, in hexadecimal)
//! tells a typing error from a wrong key without asking the storage.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::index::{RECENT, at};
use super::{CredentialError, Invalid};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::safety::identity::{Identity, Kind, Role};
use crate::storage::{CollectionSpec, IndexEntry, Record};

const PREFIX: &str = "opk_";
const ID_LENGTH: usize = 8;
const SECRET_LENGTH: usize = 43;
const SUM_LENGTH: usize = 8;

/// Letters and digits that are not mistaken for each other (Crockford's base 32, in lower case).
const ID_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A key as its holder has it.
#[derive(Clone)]
pub struct KeyText {
    text: Secret,
    id: String,
}

impl KeyText {
    /// A new key with 256 random bits.
    pub(super) fn generate() -> Result<Self, CredentialError> {
        let mut bytes = [0; 32 + ID_LENGTH];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| CredentialError::NoEntropy)?;
        let (secret, id) = bytes.split_at(32);
        let letter = |byte: &u8| ID_LETTERS.get(usize::from(byte % 32)).copied();
        let id: String = id.iter().filter_map(letter).map(char::from).collect();
        let body = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let text = format!("{body}_{:08x}", crc32fast::hash(body.as_bytes()));
        Ok(Self {
            text: Secret::new(text),
            id,
        })
    }

    /// Reads a key; `None` if it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (id, rest) = rest.split_at_checked(ID_LENGTH)?;
        let (secret, rest) = rest.strip_prefix('_')?.split_at_checked(SECRET_LENGTH)?;
        let sum = rest.strip_prefix('_')?;
        let is_id = id.bytes().all(|byte| ID_LETTERS.contains(&byte));
        let is_secret = URL_SAFE_NO_PAD
            .decode(secret)
            .is_ok_and(|bytes| bytes.len() == 32);
        let body = text.get(..text.len() - SUM_LENGTH - 1)?;
        let is_sum = sum == format!("{:08x}", crc32fast::hash(body.as_bytes()));
        (is_id && is_secret && is_sum).then(|| Self {
            text: Secret::new(text.to_owned()),
            id: id.to_owned(),
        })
    }

    /// The part that names the key and is no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, for the one place that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    fn hash(&self) -> String {
        hash(self.expose())
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}_[redacted]", self.id)
    }
}

/// The SHA-256 of a secret with 256 random bits, in hexadecimal.
pub(super) fn hash(secret: &str) -> String {
    let bytes = digest(&SHA256, secret.as_bytes());
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it is: the subject of whatever is done with it.
    pub label: String,
    /// What it allows.
    pub role: Role,
    /// Who holds it.
    pub kind: Kind,
    /// How long it lives.
    pub life: Duration,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The part of the key that names it.
    pub id: String,
    /// Whose it is: the subject of whatever is done with it.
    pub label: String,
    /// What it allows.
    pub role: Role,
    /// Who holds it.
    pub kind: Kind,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When its life is over.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl Key {
    /// The key, if it lets anybody in at `now`.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(self, now: Timestamp) -> Result<Self, Invalid> {
        if self.revoked_at.is_some() {
            return Err(Invalid::Revoked);
        }
        if self.expires_at <= now {
            return Err(Invalid::Expired);
        }
        Ok(self)
    }
}

/// A key as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredKey {
    /// The SHA-256 of the whole key, in hexadecimal.
    hash: String,
    pub(super) key: Key,
}

impl StoredKey {
    pub(super) fn new(text: &KeyText, new: NewKey, by: &Identity, now: Timestamp) -> Self {
        Self {
            hash: text.hash(),
            key: Key {
                id: text.id().to_owned(),
                label: new.label,
                role: new.role,
                kind: new.kind,
                created_at: now,
                created_by: by.subject().to_owned(),
                expires_at: now.plus(new.life),
                last_used_at: None,
                revoked_at: None,
            },
        }
    }

    /// The key that was found under the id of `text`, if it is `text` and lets anybody in at `now`. What is compared,
    /// and how long that takes, is the same whether one was found or not.
    pub(super) fn check(
        found: Option<Self>,
        text: &KeyText,
        now: Timestamp,
    ) -> Result<Key, Invalid> {
        let shown = text.hash();
        let nothing = hash("");
        let kept = found.as_ref().map_or(&nothing, |stored| &stored.hash);
        let is_equal = bool::from(kept.as_bytes().ct_eq(shown.as_bytes()));
        match found.filter(|_| is_equal) {
            Some(stored) => stored.key.check(now),
            None => Err(Invalid::Unknown),
        }
    }
}

impl Record for StoredKey {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "api_keys",
        indexes: &[RECENT],
    };

    fn key(&self) -> String {
        self.key.id.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        vec![at(self.key.created_at)]
    }
}
