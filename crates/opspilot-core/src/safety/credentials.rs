//! Keys, passwords, tokens and sessions: what somebody shows to prove who they are.
//!
//! Nothing that is stored lets anybody in: of a key and of a session only the SHA-256 is kept (both hold 256 random
//! bits, so no slow hash is needed), of a password its Argon2id hash, of a token only its id. Whatever is created or
//! revoked is written to the audit log in the same transaction. A revocation holds from the next request on: nothing
//! here is cached.

#[cfg(any(test, feature = "test-util"))]
pub mod conformance;
mod error;
mod index;
mod key;
mod keys;
mod password;
mod session;
mod sessions;
#[cfg(test)]
mod tests;
mod token;
mod tokens;
mod trail;
mod user;
mod users;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bus::{Bus, PublishError};
use crate::clock::{Clock, Timestamp};
use crate::storage::{Collection, SharedStorage, StorageError, Store};

pub use error::{CredentialError, Invalid};
pub use key::{Key, KeyText, NewKey};
pub use password::{PASSWORD_BYTES, PASSWORD_SHORTEST, Password, PasswordError};
pub use session::{NewSession, Session, SessionToken, Source};
pub use token::{NewToken, SubjectRule, Token};
pub use user::{NewUser, USER_NAME_LENGTH, User, UserName};

use self::key::StoredKey;
use self::password::Hashing;
use self::session::StoredSession;
use self::user::StoredUser;
use super::audit::{self, Audit};
use super::identity::Identity;

/// The longest life of a key.
pub const LONGEST_KEY_LIFE: Duration = Duration::from_hours(365 * 24);

/// The life of a key when nobody says how long.
pub const KEY_LIFE: Duration = Duration::from_hours(90 * 24);

/// The life of a session.
pub const SESSION_LIFE: Duration = Duration::from_hours(8);

/// How long a session may go unused.
pub const SESSION_IDLE: Duration = Duration::from_mins(30);

/// How exactly the last use of a key and of a session is known.
const USE_RESOLUTION: Duration = Duration::from_mins(1);

/// How many rows that are over are removed with each new one.
const SWEPT: usize = 100;

/// The credentials of a server; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct Credentials {
    bus: Bus,
    clock: Arc<dyn Clock>,
    audit: Audit,
    keys: Collection<StoredKey>,
    tokens: Collection<Token>,
    sessions: Collection<StoredSession>,
    subjects: Collection<SubjectRule>,
    users: Collection<StoredUser>,
    hashing: Hashing,
    used: Arc<Mutex<HashMap<String, Timestamp>>>,
    changes: Arc<AtomicU64>,
}

impl Credentials {
    /// Opens the credentials in `storage`; changes go through `bus`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        clock: Arc<dyn Clock>,
        audit: Audit,
    ) -> Result<Self, StorageError> {
        let store = Store::new(storage, "system");
        Ok(Self {
            keys: store.collection().await?,
            tokens: store.collection().await?,
            sessions: store.collection().await?,
            subjects: store.collection().await?,
            users: store.collection().await?,
            hashing: Hashing::default(),
            used: Arc::default(),
            changes: Arc::default(),
            bus,
            clock,
            audit,
        })
    }

    /// How many changes this process has made. Whoever believes a credential over more than one request checks it again
    /// when the number grows.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Writes to the audit log that somebody was refused.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn note_refusal(&self, record: audit::Record) -> Result<(), CredentialError> {
        Ok(self.audit.append(record).await?)
    }

    async fn transact<C: work::Change>(
        &self,
        by: &Identity,
        change: C,
    ) -> Result<C::Output, PublishError> {
        let work = work::Audited {
            credentials: self.clone(),
            by: by.clone(),
            change,
        };
        let done = self.bus.transact(by.subject(), work).await;
        self.changes.fetch_add(1, Ordering::AcqRel);
        done
    }
}
