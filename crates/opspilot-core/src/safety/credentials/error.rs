//! Why a credential is refused.

use std::time::Duration;

use crate::bus::PublishError;
use crate::storage::StorageError;

/// Why a credential was not created, listed or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// There is no such credential.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// `key`, `token` or `user`.
        kind: &'static str,
        /// The id asked for.
        id: String,
    },
    /// The life asked for is too long.
    #[error("{kind}s live at most {} hours", longest.as_secs() / 3_600)]
    TooLong {
        /// `key` or `token`.
        kind: &'static str,
        /// The longest life.
        longest: Duration,
    },
    /// The name is the server's own.
    #[error("`{0}` is a name of the server or of a module: choose another")]
    Reserved(String),
    /// It is no name.
    #[error("`{0}` is no name of a user: write letters, digits and `.`, `_`, `-`, `@`, `+`")]
    NoName(String),
    /// There is one already.
    #[error("there is a {kind} `{id}` already")]
    Exists {
        /// `user`.
        kind: &'static str,
        /// Its name.
        id: String,
    },
    /// Too many passwords are checked now.
    #[error("too many passwords are checked now; try again in a few seconds")]
    Busy,
    /// A password could not be hashed.
    #[error("the password could not be hashed")]
    Unhashed,
    /// The system gave no random bytes.
    #[error("the system gives no random numbers")]
    NoEntropy,
    /// The id that was drawn is taken.
    #[error("the id that was drawn is taken; ask again")]
    Taken,
    /// The storage does not work.
    #[error("credentials cannot be stored or read")]
    Storage(#[from] StorageError),
    /// The change could not be stored.
    #[error("the change could not be stored")]
    Publish(#[from] PublishError),
}

impl CredentialError {
    /// There is no `kind` called `id`.
    pub(super) fn missing(kind: &'static str, id: &str) -> Self {
        Self::NotFound {
            kind,
            id: id.to_owned(),
        }
    }
}

/// Why a credential does not let anybody in. For the audit log: whoever shows it is told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It is not written as it must be.
    Malformed,
    /// It was not issued here, or is not what was issued.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
    /// It is not the password of this user.
    Password,
}

impl Invalid {
    /// The reason as it is written to the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Password => "password",
        }
    }
}
