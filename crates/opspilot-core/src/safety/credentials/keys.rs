//! Making, revoking and recognising keys.

use std::sync::PoisonError;

use super::index::recent;
use super::key::StoredKey;
use super::{
    CredentialError, Credentials, Invalid, Key, KeyText, LONGEST_KEY_LIFE, NewKey, SWEPT,
    USE_RESOLUTION, work,
};
use crate::safety::identity::{Identity, is_reserved};
use crate::storage::Cursor;

/// How many keys and sessions the time of the last use is remembered for before old ones are forgotten.
const USES: usize = 10_000;

impl Credentials {
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
}
