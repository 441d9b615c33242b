//! The changes, each in one transaction with its entry in the audit log.

use async_trait::async_trait;

use super::key::StoredKey;
use super::session::StoredSession;
use super::trail::Entry;
use super::{CredentialError, Credentials, Key, SubjectRule, Token};
use crate::bus::{Tx, Work};
use crate::safety::identity::Identity;
use crate::storage::{Collection, Record};

/// A change that somebody answers for.
#[async_trait]
pub(super) trait Change: Send + 'static {
    type Output: Send + 'static;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output;
}

/// A change with whoever answers for it.
pub(super) struct Audited<C> {
    pub(super) credentials: Credentials,
    pub(super) by: Identity,
    pub(super) change: C,
}

#[async_trait]
impl<C: Change> Work for Audited<C> {
    type Output = C::Output;

    async fn run(self, tx: &mut Tx) -> C::Output {
        let Self {
            credentials,
            by,
            change,
        } = self;
        let cx = Audited {
            credentials,
            by,
            change: (),
        };
        change.make(tx, &cx).await
    }
}

impl Audited<()> {
    pub(super) async fn note(&self, tx: &mut Tx, entry: Entry) -> Result<(), CredentialError> {
        Ok(entry.append(&self.credentials.audit, tx, &self.by).await?)
    }
}

pub(super) struct AddKey(pub(super) StoredKey);

#[async_trait]
impl Change for AddKey {
    type Output = Result<(), CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let keys = &cx.credentials.keys;
        let key = &self.0.key;
        if tx.get(keys, &key.id).await?.is_some() {
            return Err(CredentialError::Taken);
        }
        let entry = Entry::new("key.created", format!("key {}", key.id))
            .with("label", &key.label)
            .with("role", key.role)
            .with("kind", key.kind)
            .with("expiresAt", key.expires_at);
        cx.note(tx, entry).await?;
        Ok(tx.put(keys, &self.0)?)
    }
}

pub(super) struct RevokeKey(pub(super) String);

#[async_trait]
impl Change for RevokeKey {
    type Output = Result<Key, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let keys = &cx.credentials.keys;
        let found = tx.get(keys, &self.0).await?;
        let mut stored = found.ok_or_else(|| CredentialError::missing("key", &self.0))?;
        if stored.key.revoked_at.is_none() {
            stored.key.revoked_at = Some(tx.now());
            let entry = Entry::new("key.revoked", format!("key {}", self.0))
                .with("label", &stored.key.label);
            cx.note(tx, entry).await?;
            tx.put(keys, &stored)?;
        }
        Ok(stored.key)
    }
}

pub(super) struct AddToken {
    pub(super) token: Token,
    pub(super) over: Vec<Token>,
}

#[async_trait]
impl Change for AddToken {
    type Output = Result<(), CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let token = &self.token;
        let entry = Entry::new("token.issued", format!("token {}", token.jti))
            .with("subject", &token.subject)
            .with("role", token.role)
            .with("kind", token.kind)
            .with("expiresAt", token.expires_at);
        cx.note(tx, entry).await?;
        tx.put(&cx.credentials.tokens, token)?;
        sweep(tx, &cx.credentials.tokens, &self.over);
        Ok(())
    }
}

pub(super) struct RevokeToken(pub(super) String);

#[async_trait]
impl Change for RevokeToken {
    type Output = Result<Token, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let tokens = &cx.credentials.tokens;
        let found = tx.get(tokens, &self.0).await?;
        let mut token = found.ok_or_else(|| CredentialError::missing("token", &self.0))?;
        if token.revoked_at.is_none() {
            token.revoked_at = Some(tx.now());
            let entry = Entry::new("token.revoked", format!("token {}", self.0))
                .with("subject", &token.subject);
            cx.note(tx, entry).await?;
            tx.put(tokens, &token)?;
        }
        Ok(token)
    }
}

pub(super) struct RevokeSubject(pub(super) String);

#[async_trait]
impl Change for RevokeSubject {
    type Output = Result<SubjectRule, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let rule = SubjectRule {
            subject: self.0,
            not_before: tx.now(),
        };
        let entry = Entry::new("token.revokedAll", format!("subject {}", rule.subject))
            .with("notBefore", rule.not_before);
        cx.note(tx, entry).await?;
        tx.put(&cx.credentials.subjects, &rule)?;
        Ok(rule)
    }
}

pub(super) struct AddSession {
    pub(super) session: StoredSession,
    pub(super) over: Vec<StoredSession>,
}

#[async_trait]
impl Change for AddSession {
    type Output = Result<(), CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let session = &self.session;
        let entry = Entry::new("auth.login", format!("subject {}", session.subject))
            .with("with", &session.source)
            .with("address", &session.address);
        cx.note(tx, entry).await?;
        tx.put(&cx.credentials.sessions, session)?;
        sweep(tx, &cx.credentials.sessions, &self.over);
        Ok(())
    }
}

pub(super) struct EndSession(pub(super) String);

#[async_trait]
impl Change for EndSession {
    type Output = Result<(), CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let entry = Entry::new("auth.logout", format!("subject {}", cx.by.subject()));
        cx.note(tx, entry).await?;
        tx.delete(&cx.credentials.sessions, &self.0);
        Ok(())
    }
}

/// Writes down the last use of a key. No entry in the audit log: what was done with the key has its own.
pub(super) struct NoteUse {
    pub(super) credentials: Credentials,
    pub(super) id: String,
}

#[async_trait]
impl Work for NoteUse {
    type Output = Result<(), CredentialError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let keys = &self.credentials.keys;
        if let Some(mut stored) = tx.get(keys, &self.id).await? {
            stored.key.last_used_at = Some(tx.now());
            tx.put(keys, &stored)?;
        }
        Ok(())
    }
}

/// Writes down the last use of a session.
pub(super) struct NoteSession {
    pub(super) credentials: Credentials,
    pub(super) id: String,
}

#[async_trait]
impl Work for NoteSession {
    type Output = Result<(), CredentialError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let sessions = &self.credentials.sessions;
        if let Some(mut stored) = tx.get(sessions, &self.id).await? {
            stored.seen_at = tx.now();
            tx.put(sessions, &stored)?;
        }
        Ok(())
    }
}

fn sweep<R: Record>(tx: &mut Tx, collection: &Collection<R>, over: &[R]) {
    for record in over {
        tx.delete(collection, &record.key());
    }
}
