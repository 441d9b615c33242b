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
        /// When they showed the issuer who they are, which may be long before they came here; `None` if it does not say,
        /// or if the session is of a version that did not ask.
        #[serde(
            rename = "authenticatedAt",
            default,
            skip_serializing_if = "Option::is_none"
        )]
        authenticated_at: Option<Timestamp>,
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

impl Session {
    /// When somebody showed who they are, never after the session began; `None` if an issuer vouched for them that does
    /// not say when they did.
    #[must_use]
    pub fn proven_at(&self) -> Option<Timestamp> {
        match &self.source {
            Source::Oidc {
                authenticated_at, ..
            } => authenticated_at.map(|at| at.min(self.created_at)),
            Source::Key { .. } | Source::Configured { .. } | Source::Password { .. } => {
                Some(self.created_at)
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BEGAN: Timestamp = Timestamp::from_millis(1_771_588_800_000);

    fn session(source: Source) -> Session {
        Session {
            id: "s".into(),
            source,
            created_at: BEGAN,
            expires_at: BEGAN.plus(SESSION_LIFE),
            seen_at: BEGAN,
        }
    }

    fn vouched(authenticated_at: Option<Timestamp>) -> Source {
        Source::Oidc {
            issuer: "https://idp.example.org".into(),
            subject: "oidc:7".into(),
            groups: vec!["ops".into()],
            authenticated_at,
        }
    }

    #[test]
    fn what_a_session_proves_is_as_old_as_what_was_shown() {
        let hour = std::time::Duration::from_hours(1);
        for (shown, expected) in [
            (None, None),
            (Some(BEGAN.minus(hour)), Some(BEGAN.minus(hour))),
            (Some(BEGAN.plus(hour)), Some(BEGAN)),
        ] {
            assert_eq!(session(vouched(shown)).proven_at(), expected, "{shown:?}");
        }
        let key = Source::Key { id: "k".into() };
        assert_eq!(session(key).proven_at(), Some(BEGAN));
    }

    /// What versions before and after `authenticatedAt` make of what the other has stored.
    #[test]
    fn sessions_of_versions_before_and_after_are_read() {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", tag = "type")]
        enum Before {
            Oidc { subject: String },
        }
        let old = json!({
            "type": "oidc", "issuer": "https://idp.example.org", "subject": "oidc:7", "groups": ["ops"],
        });
        let read: Source = serde_json::from_value(old.clone()).unwrap();
        assert_eq!(read, vouched(None), "the old one proves nothing");
        assert_eq!(serde_json::to_value(&read).unwrap(), old);
        let new = serde_json::to_value(vouched(Some(BEGAN))).unwrap();
        assert_ne!(new["authenticatedAt"], Value::Null);
        let Before::Oidc { subject } = serde_json::from_value(new.clone()).unwrap();
        assert_eq!(subject, "oidc:7");
        let read: Source = serde_json::from_value(new).unwrap();
        assert_eq!(read, vouched(Some(BEGAN)));
    }
}
