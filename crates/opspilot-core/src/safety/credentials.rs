//! Keys, passwords, tokens and sessions: what somebody shows to prove who they are.
//!
//! Nothing that is stored lets anybody in: of a key and of a session only the SHA-256 is kept (both hold 256 random
//! bits, so no slow hash is needed), of a password its Argon2id hash, of a token only its id. Whatever is created or revoked is written to the audit log
//! in the same transaction. A revocation holds from the next request on: nothing here is cached.

mod error;
mod key;
mod password;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod trail;
mod user;
mod users;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::bus::{Bus, PublishError};
use crate::clock::{Clock, Timestamp};
use crate::storage::{Collection, Cursor, Query, SharedStorage, StorageError, Store};

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
use super::identity::{Identity, is_reserved};

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

/// How many keys and sessions the time of the last use is remembered for before old ones are forgotten.
const USES: usize = 10_000;

/// How long a token that has expired is still listed.
const TOKEN_REMEMBERED: Duration = Duration::from_hours(24);

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

    /// Makes a key on behalf of `by`. The text is nowhere else: show it once.
    ///
    /// # Errors
    /// When its label is reserved, its life is too long, or it cannot be stored.
    pub async fn create_key(
        &self,
        by: &Identity,
        new: NewKey,
    ) -> Result<(Key, KeyText), CredentialError> {
        if new.life > LONGEST_KEY_LIFE {
            return Err(CredentialError::TooLong {
                kind: "key",
                longest: LONGEST_KEY_LIFE,
            });
        }
        if is_reserved(&new.label) {
            return Err(CredentialError::Reserved(new.label));
        }
        let text = KeyText::generate()?;
        let stored = StoredKey::new(&text, new, by, self.clock.now());
        let key = stored.key.clone();
        self.transact(by, work::AddKey(stored)).await??;
        Ok((key, text))
    }

    /// One page of keys, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn keys(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Key>, Option<Cursor>), CredentialError> {
        let (keys, next) = self.keys.query(&recent(after, limit)).await?;
        Ok((keys.into_iter().map(|stored| stored.key).collect(), next))
    }

    /// Revokes the key `id` on behalf of `by`; one that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`CredentialError::NotFound`], or when the change cannot be stored.
    pub async fn revoke_key(&self, by: &Identity, id: &str) -> Result<Key, CredentialError> {
        self.transact(by, work::RevokeKey(id.to_owned())).await?
    }

    /// The key that `text` is, if it lets anybody in now.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn check_key(&self, text: &str) -> Result<Result<Key, Invalid>, CredentialError> {
        let Some(text) = KeyText::parse(text) else {
            return Ok(Err(Invalid::Malformed));
        };
        let stored = self.keys.get(text.id()).await?.map(|(stored, _)| stored);
        Ok(StoredKey::check(stored, &text, self.clock.now()))
    }

    /// The key `id`, if it lets anybody in now.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn live_key(&self, id: &str) -> Result<Result<Key, Invalid>, CredentialError> {
        let found = self.keys.get(id).await?;
        let now = self.clock.now();
        Ok(found.map_or(Err(Invalid::Unknown), |(stored, _)| stored.key.check(now)))
    }

    /// Says that the key `id` was used now. True once a minute: [`Credentials::note_use`] should write it down then.
    #[must_use]
    pub fn is_use_due(&self, id: &str) -> bool {
        let now = self.clock.now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used
            .get(id)
            .is_some_and(|last| now.since(*last) < USE_RESOLUTION)
        {
            return false;
        }
        if used.len() >= USES {
            used.retain(|_, last| now.since(*last) < USE_RESOLUTION);
        }
        used.insert(id.to_owned(), now);
        true
    }

    /// Says that `session` was used now. True once a minute: [`Credentials::note_session`] should write it down then.
    #[must_use]
    pub fn is_session_due(&self, session: &Session) -> bool {
        self.clock.now().since(session.seen_at) >= USE_RESOLUTION && self.is_use_due(&session.id)
    }

    /// Writes down that the key `id` was used now.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn note_use(&self, id: &str) -> Result<(), CredentialError> {
        let work = work::NoteUse {
            credentials: self.clone(),
            id: id.to_owned(),
        };
        self.bus.transact("core", work).await?
    }

    /// Writes down a token that was issued on behalf of `by`; it does not count until then.
    ///
    /// # Errors
    /// When its subject is reserved, or it cannot be stored.
    pub async fn add_token(&self, by: &Identity, new: NewToken) -> Result<Token, CredentialError> {
        if is_reserved(&new.subject) {
            return Err(CredentialError::Reserved(new.subject));
        }
        let token = Token::new(new, by, self.clock.now());
        let over = self.over_tokens().await?;
        self.transact(
            by,
            work::AddToken {
                token: token.clone(),
                over,
            },
        )
        .await??;
        Ok(token)
    }

    /// One page of the tokens that were issued here, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn tokens(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Token>, Option<Cursor>), CredentialError> {
        Ok(self.tokens.query(&recent(after, limit)).await?)
    }

    /// The token `jti`, if it was issued here.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn token(&self, jti: &str) -> Result<Option<Token>, CredentialError> {
        Ok(self.tokens.get(jti).await?.map(|(token, _)| token))
    }

    /// Revokes the token `jti` on behalf of `by`; one that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`CredentialError::NotFound`], or when the change cannot be stored.
    pub async fn revoke_token(&self, by: &Identity, jti: &str) -> Result<Token, CredentialError> {
        self.transact(by, work::RevokeToken(jti.to_owned())).await?
    }

    /// Revokes every token of `subject` that was issued until now, by whomever.
    ///
    /// # Errors
    /// When the change cannot be stored.
    pub async fn revoke_subject(
        &self,
        by: &Identity,
        subject: &str,
    ) -> Result<SubjectRule, CredentialError> {
        self.transact(by, work::RevokeSubject(subject.to_owned()))
            .await?
    }

    /// The moment before which tokens of `subject` do not count; `None` if all do.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn not_before(&self, subject: &str) -> Result<Option<Timestamp>, CredentialError> {
        let found = self.subjects.get(subject).await?;
        Ok(found.map(|(rule, _)| rule.not_before))
    }

    /// Begins a session for `who`, who logs in now. The token is nowhere else.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn open_session(
        &self,
        who: &Identity,
        new: NewSession,
    ) -> Result<SessionToken, CredentialError> {
        let token = SessionToken::generate()?;
        let session = StoredSession::new(&token, who, new, self.clock.now());
        let over = self.over_sessions().await?;
        self.transact(who, work::AddSession { session, over })
            .await??;
        Ok(token)
    }

    /// The session that `token` stands for, if it lets anybody in now.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn check_session(
        &self,
        token: &SessionToken,
    ) -> Result<Result<Session, Invalid>, CredentialError> {
        let found = self.sessions.get(&token.id()).await?;
        let now = self.clock.now();
        Ok(found.map_or(Err(Invalid::Unknown), |(stored, _)| stored.check(now)))
    }

    /// Writes down that a session was used now, if that was not done within the last minute.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn note_session(&self, session: &Session) -> Result<(), CredentialError> {
        if self.clock.now().since(session.seen_at) < USE_RESOLUTION {
            return Ok(());
        }
        let work = work::NoteSession {
            credentials: self.clone(),
            id: session.id.clone(),
        };
        self.bus.transact("core", work).await?
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the change cannot be stored.
    pub async fn close_session(&self, who: &Identity, id: &str) -> Result<(), CredentialError> {
        self.transact(who, work::EndSession(id.to_owned())).await?
    }

    /// Says whether a stored key lets anybody in now.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn has_live_key(&self) -> Result<bool, CredentialError> {
        let now = self.clock.now();
        let mut after = None;
        loop {
            let (keys, next) = self.keys(after, SWEPT).await?;
            if keys.into_iter().any(|key| key.check(now).is_ok()) {
                return Ok(true);
            }
            match next {
                Some(cursor) => after = Some(cursor),
                None => return Ok(false),
            }
        }
    }

    async fn over_tokens(&self) -> Result<Vec<Token>, CredentialError> {
        let until = self.clock.now().minus(TOKEN_REMEMBERED);
        Ok(self.tokens.query(&expired(until)).await?.0)
    }

    async fn over_sessions(&self) -> Result<Vec<StoredSession>, CredentialError> {
        Ok(self.sessions.query(&expired(self.clock.now())).await?.0)
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

fn recent(after: Option<Cursor>, limit: usize) -> Query {
    Query::by_index("recent", vec![Vec::new()], limit)
        .descending()
        .after(after)
}

fn expired(until: Timestamp) -> Query {
    Query {
        until: Some(until.as_millis()),
        ..Query::by_index("expiry", vec![Vec::new()], SWEPT)
    }
}
