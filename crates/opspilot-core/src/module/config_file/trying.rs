//! Trials of a text before it becomes the file, for somebody who asks over the network. Each is in the audit log.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::warn;

use super::ConfigFile;
use crate::bus::PublishError;
use crate::clock::Clock;
use crate::config::{ConfigErrors, Fault, KeyPath, Origin};
use crate::error::chain;
use crate::module::{Tried, try_modules};
use crate::safety::audit::Record;

/// How many go on at once; further ones wait.
pub(super) const AT_ONCE: usize = 2;

/// How many names of what was tried the audit log takes.
const NAMED: usize = 20;

/// A text that somebody wants to try.
#[derive(Clone)]
pub struct Attempt {
    /// Who wants it: a subject. The audit log names them.
    pub by: String,
    /// What the file would say.
    pub text: String,
    /// The modules that are tried.
    pub modules: Vec<&'static str>,
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryError {
    /// The text has faults.
    #[error("{0}")]
    Invalid(ConfigErrors),
    /// It could not be noted in the audit log, and so was not done.
    #[error("the trial could not be noted in the audit log")]
    Audit(#[from] PublishError),
}

impl ConfigFile {
    /// Tries once what some modules would reach if the file said another text, as `opspilot-server check --online` does,
    /// but for somebody far away: see [`is_remote`](crate::module::TrialContext::is_remote).
    ///
    /// # Errors
    /// Every fault of the text, or that the trial cannot be audited; then nothing was tried.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a trial that has begun running to its end, so that its outcome is audited.
    pub async fn try_out(
        &self,
        attempt: Attempt,
        clock: &Arc<dyn Clock>,
    ) -> Result<Vec<Tried>, TryError> {
        let turn = Arc::clone(&self.0.trials).acquire_owned().await.ok();
        let (answer, outcome) = oneshot::channel();
        let (file, clock) = (self.clone(), Arc::clone(clock));
        self.0.tasks.spawn("trial of a configuration", async move {
            let tried = file.try_and_tell(attempt, &clock, turn).await;
            // Whoever asked may have gone.
            answer.send(tried).ok();
        });
        outcome.await.unwrap_or_else(|_| Err(cut_short()))
    }

    /// Notes in the audit log that `by` was refused to have a configuration tried or saved: `why` names what was refused
    /// and repeats no value but a path.
    pub async fn note_refused(&self, by: &str, why: &str) {
        let record = Record::new("setup.refused", by)
            .target(self.path().display().to_string())
            .detail("reason", why);
        self.tell(record).await;
    }

    async fn try_and_tell(
        &self,
        attempt: Attempt,
        clock: &Arc<dyn Clock>,
        _turn: Option<OwnedSemaphorePermit>,
    ) -> Result<Vec<Tried>, TryError> {
        let told = |action| {
            Record::new(action, &attempt.by)
                .target(self.path().display().to_string())
                .detail("modules", attempt.modules.clone())
        };
        self.0.audit.append(told("setup.trying")).await?;
        let record = told("setup.tried");
        let tried = self.try_modules(attempt, clock).await;
        let record = match &tried {
            Ok(tried) => outcome(record, tried),
            Err(errors) => record
                .detail("outcome", "faults")
                .detail("reason", chain(errors)),
        };
        self.tell(record).await;
        tried.map_err(TryError::Invalid)
    }

    async fn try_modules(
        &self,
        attempt: Attempt,
        clock: &Arc<dyn Clock>,
    ) -> Result<Vec<Tried>, ConfigErrors> {
        let Attempt { text, modules, .. } = attempt;
        let loaded = self.blocking(move |inner| inner.load(&text)).await?;
        let wanted = loaded.config.enabled_modules();
        let wanted = wanted.filter(|options| modules.contains(&options.id()));
        let system = &self.0.system;
        try_modules(&self.0.registry, wanted, clock, |cx| {
            cx.is_running = system.module(cx.id).is_some();
            cx.is_remote = true;
        })
        .await
    }

    pub(super) async fn tell(&self, record: Record) {
        let action = record.action.clone();
        if let Err(error) = self.0.audit.append(record).await {
            warn!(action = &*action, error = %chain(&error), "an outcome is not in the audit log");
        }
    }
}

/// What came of it: how many went well, and what was tried. Neither a fault nor a note is repeated.
fn outcome(record: Record, tried: &[Tried]) -> Record {
    let all = || tried.iter().flat_map(|one| &one.trials);
    let failed = all().filter(|trial| !trial.is_ok()).count();
    let names: Vec<_> = all().take(NAMED).map(|trial| trial.name.clone()).collect();
    record
        .detail("outcome", if failed == 0 { "works" } else { "fails" })
        .detail("trials", all().count())
        .detail("failed", failed)
        .detail("names", names)
}

fn cut_short() -> TryError {
    let message = "the trial was cut short";
    TryError::Invalid(Fault::new(Origin::Inline, KeyPath::default(), message).into())
}

impl std::fmt::Debug for Attempt {
    /// Leaves the text out: some of it may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("by", &self.by)
            .field("modules", &self.modules)
            .finish_non_exhaustive()
    }
}
