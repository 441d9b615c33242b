//! Sessions of browsers: a random token in a cookie, of which only the SHA-256 is stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::index::{EXPIRY, at};
use super::key::hash;
use super::{CredentialError, Invalid, SESSION_IDLE, SESSION_LIFE};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::safety::identity::Identity;
use crate::storage::{CollectionSpec, IndexEntry, Record};

/// The length of a session token: 256 bits in base64url.
const LENGTH: usize = 43;

/// The token of a session, as the browser keeps it.
#[derive(Clone)]
pub struct SessionToken(Secret);

impl SessionToken {
    pub(super) fn generate() -> Result<Self, CredentialError> {
        let mut bytes = [0; 32];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| CredentialError::NoEntropy)?;
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Reads a token; `None` if it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_token = text.len() == LENGTH && text.bytes().all(is_plain);
        is_token.then(|| Self(Secret::new(text.to_owned())))
    }

    /// The token itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What a page must send with each change, to prove that it can read the server's answers: derived from the
    /// token, so that it need not be stored.
    #[must_use]
    pub fn csrf(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.expose().as_bytes());
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"opspilot csrf 1"))
    }

    /// The session's key in the storage.
    pub(super) fn id(&self) -> String {
        hash(self.expose())
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// With what somebody logged in. The session ends with it, and has the role that it has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Source {
    /// A stored key.
    Key {
        /// Its id.
        id: String,
    },
    /// A key of the configuration.
    Configured {
        /// Its label.
        label: String,
        /// What tells it from another key with that label; no secret.
        print: String,
    },
    /// The password of a user.
    Password {
        /// Who.
        name: String,
        /// What tells the password from those before it; no secret.
        generation: String,
    },
    /// An identity that an issuer of OpenID Connect vouched for.
    Oidc {
        /// The issuer.
        issuer: String,
        /// Who: the subject of whatever they do.
        subject: String,
        /// The groups that gave them their role.
        groups: Vec<String>,
    },
}

/// A session to begin.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// With what.
    pub source: Source,
    /// From which address.
    pub address: String,
}

/// A session that lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its key in the storage; no secret.
    pub id: String,
    /// With what it began.
    pub source: Source,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
}

/// A session as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredSession {
    /// The SHA-256 of the token, in hexadecimal.
    pub(super) hash: String,
    pub(super) subject: String,
    pub(super) source: Source,
    pub(super) address: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    pub(super) seen_at: Timestamp,
}

impl StoredSession {
    pub(super) fn new(
        token: &SessionToken,
        who: &Identity,
        new: NewSession,
        now: Timestamp,
    ) -> Self {
        Self {
            hash: token.id(),
            subject: who.subject().to_owned(),
            source: new.source,
            address: new.address,
            created_at: now,
            expires_at: now.plus(SESSION_LIFE),
            seen_at: now,
        }
    }

    pub(super) fn check(self, now: Timestamp) -> Result<Session, Invalid> {
        if self.ends_at() <= now {
            return Err(Invalid::Expired);
        }
        Ok(Session {
            id: self.hash,
            source: self.source,
            created_at: self.created_at,
            expires_at: self.expires_at,
            seen_at: self.seen_at,
        })
    }

    fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.seen_at.plus(SESSION_IDLE))
    }
}

impl Record for StoredSession {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "sessions",
        indexes: &[EXPIRY],
    };

    fn key(&self) -> String {
        self.hash.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        vec![at(self.ends_at())]
    }
}
