//! Writing down, revoking and recognising tokens.

use std::time::Duration;

use super::index::{expired, recent};
use super::{CredentialError, Credentials, NewToken, SubjectRule, Token, work};
use crate::clock::Timestamp;
use crate::safety::identity::{Identity, is_reserved};
use crate::storage::Cursor;

/// How long a token that has expired is still listed.
const TOKEN_REMEMBERED: Duration = Duration::from_hours(24);

impl Credentials {
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

    async fn over_tokens(&self) -> Result<Vec<Token>, CredentialError> {
        let until = self.clock.now().minus(TOKEN_REMEMBERED);
        Ok(self.tokens.query(&expired(until)).await?.0)
    }
}
