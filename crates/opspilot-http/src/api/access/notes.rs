//! What is written down beside a request, which does not wait for it.

use std::time::Duration;

use opspilot_core::error::chain;
use opspilot_core::safety::credentials::{Session, Source};
use tracing::warn;

use super::super::state::State;

/// How long something may take to be written down beside a request.
const ASIDE: Duration = Duration::from_secs(5);

impl State {
    /// Writes down that a stored key was used, at most once a minute.
    pub(in crate::api) fn note_key(&self, source: &Source) {
        let (Source::Key { id }, Some(access)) = (source, &self.cx.access) else {
            return;
        };
        if !access.credentials.is_use_due(id) {
            return;
        }
        let (credentials, id) = (access.credentials.clone(), id.clone());
        self.aside("key use", async move {
            credentials
                .note_use(&id)
                .await
                .map_err(|error| chain(&error))
        });
    }

    pub(super) fn note_session(&self, session: Session) {
        let Some(access) = &self.cx.access else {
            return;
        };
        if !access.credentials.is_session_due(&session) {
            return;
        }
        let credentials = access.credentials.clone();
        self.aside("session use", async move {
            credentials
                .note_session(&session)
                .await
                .map_err(|error| chain(&error))
        });
    }

    /// Writes something down beside the request.
    pub(in crate::api) fn aside(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        // At a stop it is waited for: the storage closes later.
        self.cx.tasks.spawn(name, async move {
            let done = tokio::time::timeout(ASIDE, work).await;
            let error = match done {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => "the storage does not answer".to_owned(),
            };
            warn!(what = name, error, "cannot be written down");
        });
    }
}
