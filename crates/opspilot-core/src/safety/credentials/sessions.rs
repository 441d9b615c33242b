//! Beginning, ending and recognising sessions.

use super::index::expired;
use super::session::StoredSession;
use super::{
    CredentialError, Credentials, Invalid, NewSession, Session, SessionToken, USE_RESOLUTION, work,
};
use crate::safety::identity::Identity;

impl Credentials {
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

    /// Says that `session` was used now. True once a minute: [`Credentials::note_session`] should write it down then.
    #[must_use]
    pub fn is_session_due(&self, session: &Session) -> bool {
        self.clock.now().since(session.seen_at) >= USE_RESOLUTION && self.is_use_due(&session.id)
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

    async fn over_sessions(&self) -> Result<Vec<StoredSession>, CredentialError> {
        Ok(self.sessions.query(&expired(self.clock.now())).await?.0)
    }
}
