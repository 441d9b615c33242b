//! The configuration file of the running server: what it says, what `check` makes of another text, and replacing it.
//!
//! The file on disk is the only truth: nothing here keeps a configuration. Whoever replaces it names the digest of the
//! text that they saw; a file that somebody changed meanwhile is left alone. The new text is checked whole, takes the
//! file's place in one step, and is reloaded; when the server refuses it, the old text is put back.
//!
//! Replacing is a power: [`Access`](super::Access) has it, modules that face no callers have not. A text may hold
//! secrets, literal ones too; it is for programs. What people are shown of it is made by `config::edit`.

mod disk;
mod error;
mod guarded;
mod obstacle;
#[cfg(test)]
mod tests;
mod trying;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, oneshot};
use tracing::{info, warn};

use self::disk::{Place, Swapped};
use self::error::WorkLost;
use self::obstacle::obstacle;
use super::{Registry, ReloadReport, System, Tasks};
use crate::config::{ConfigErrors, Environment, Fault, Loaded, load_text};
use crate::error::chain;
use crate::safety::action::Digest;
use crate::safety::audit::{Audit, Record};

pub use self::disk::DiskError;
pub use self::error::ReplaceError;
pub use self::guarded::Guarded;
pub use self::trying::{Attempt, TryError};

/// Where the configuration of a server comes from.
#[derive(Debug, Clone)]
pub struct ConfigSource {
    /// The file, as it was named.
    pub path: PathBuf,
    /// The variables that fill it in.
    pub environment: Environment,
}

/// The configuration file of the running server; cloning it clones a handle.
#[derive(Clone)]
pub struct ConfigFile(Arc<Inner>);

struct Inner {
    source: ConfigSource,
    registry: Registry,
    system: System,
    audit: Audit,
    tasks: Tasks,
    /// One replacement at a time.
    turn: Mutex<()>,
    /// A few trials at a time.
    trials: Arc<Semaphore>,
}

/// The configuration file as it is now.
#[derive(Clone)]
pub struct CurrentConfig {
    /// What it says, secrets included; `None` where there is no file yet.
    pub text: Option<String>,
    /// The digest of that.
    pub digest: Option<Digest>,
    /// Why it cannot be replaced, if so, and what to do instead.
    pub obstacle: Option<String>,
}

/// What `check` found in a text without faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The modules that would run, in the order of their start.
    pub modules: Vec<&'static str>,
    /// What is doubtful.
    pub warnings: Vec<Fault>,
}

/// A new text for the file.
#[derive(Clone)]
pub struct Replacement {
    /// Who wants it: a subject. The audit log names them.
    pub by: String,
    /// The digest of the text that it takes the place of; `None` where there is no file yet.
    pub expected: Option<Digest>,
    /// The new text.
    pub text: String,
}

impl ConfigFile {
    /// The file of `source`, for a server with the modules of `registry`.
    #[must_use]
    pub fn new(source: ConfigSource, registry: Registry, system: System, audit: Audit) -> Self {
        Self(Arc::new(Inner {
            source,
            registry,
            system,
            audit,
            tasks: Tasks::of("core"),
            turn: Mutex::default(),
            trials: Arc::new(Semaphore::new(trying::AT_ONCE)),
        }))
    }

    /// The file's path, as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.source.path
    }

    /// What the file says now, and whether it can be replaced.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub async fn current(&self) -> Result<CurrentConfig, ConfigErrors> {
        self.blocking(|inner| {
            let place = inner.place();
            let text = place.read()?;
            Ok(CurrentConfig {
                digest: text.as_ref().map(|text| Digest::of(text.as_bytes())),
                obstacle: obstacle(&inner.source.path),
                text,
            })
        })
        .await
    }

    /// As [`ConfigFile::current`], once no replacement is under way, whose text may be taken back.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub async fn settled(&self) -> Result<CurrentConfig, ConfigErrors> {
        let _turn = self.0.turn.lock().await;
        self.current().await
    }

    /// What `opspilot-server check` would say of `text` in the file's place. No secret is part of it.
    ///
    /// # Errors
    /// Every fault, with line, column and the way out.
    pub async fn check(&self, text: String) -> Result<Checked, ConfigErrors> {
        self.blocking(move |inner| inner.check(&text)).await
    }

    /// Checks a new text, puts it in the file's place and reloads it. The text before is kept beside the file, as
    /// `FILE.previous`. With a report that names modules as `failed` the new text is in use, and those are tried again.
    ///
    /// # Errors
    /// When the file is not what was expected, the text has faults, or the server refuses it. Every outcome is audited.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the work running to its end: a reload may restart the very module that asked.
    pub async fn replace(&self, replacement: Replacement) -> Result<ReloadReport, ReplaceError> {
        let (answer, outcome) = oneshot::channel();
        let file = self.clone();
        self.0.tasks.spawn("configuration file", async move {
            // Whoever asked may have gone.
            answer.send(file.replace_and_tell(replacement).await).ok();
        });
        outcome.await.unwrap_or(Err(ReplaceError::CutShort))
    }

    async fn replace_and_tell(
        &self,
        replacement: Replacement,
    ) -> Result<ReloadReport, ReplaceError> {
        let _turn = self.0.turn.lock().await;
        let told = |action| {
            let shown = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
            Record::new(action, &replacement.by)
                .target(self.path().display().to_string())
                .detail("from", shown(replacement.expected))
                .detail("to", Digest::of(replacement.text.as_bytes()).to_string())
        };
        let (intent, success, failure) = (
            told("config.replacing"),
            told("config.replaced"),
            told("config.notReplaced"),
        );
        let outcome = self.try_replace(replacement, intent).await;
        let record = match &outcome {
            Ok(_) => success,
            Err(error) => failure.detail("reason", chain(error)),
        };
        self.tell(record).await;
        outcome
    }

    async fn try_replace(
        &self,
        replacement: Replacement,
        intent: Record,
    ) -> Result<ReloadReport, ReplaceError> {
        let checked = self.check(replacement.text.clone()).await;
        checked.map_err(ReplaceError::Invalid)?;
        self.0.audit.append(intent).await?;
        let Replacement { by, expected, text } = replacement;
        let swapped = self
            .blocking(move |inner| inner.place().swap(expected, &text))
            .await?;
        match self.0.system.reload(&by).await {
            Ok(report) => {
                info!(path = %self.path().display(), actor = by, "configuration file replaced");
                self.keep(swapped).await;
                Ok(report)
            }
            Err(reload) => match self.blocking(move |_| swapped.undo()).await {
                Ok(()) => Err(ReplaceError::Refused(reload)),
                Err(disk) => Err(ReplaceError::Stuck { reload, disk }),
            },
        }
    }

    /// Keeps the old text beside the file; it is not worth failing for.
    async fn keep(&self, swapped: Swapped) {
        let kept: Result<(), DiskError> = self.blocking(move |_| swapped.keep()).await;
        if let Err(error) = kept {
            warn!(error = %chain(&error), "the configuration before is not kept");
        }
    }

    async fn blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<WorkLost> + Send + 'static,
        F: FnOnce(&Inner) -> Result<T, E> + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        let done = self.0.tasks.blocking(move || work(&inner)).await;
        done.unwrap_or_else(|_| Err(WorkLost.into()))
    }
}

impl Inner {
    fn place(&self) -> Place<'_> {
        Place::new(&self.source.path)
    }

    fn load(&self, text: &str) -> Result<Loaded, ConfigErrors> {
        let ConfigSource { path, environment } = &self.source;
        load_text(text, path, environment, &self.registry.known_modules())
    }

    fn check(&self, text: &str) -> Result<Checked, ConfigErrors> {
        let path = &self.source.path;
        let loaded = self.load(text)?;
        let modules = self.registry.prove(&loaded.config).map_err(|unfit| {
            let origin = crate::config::Origin::File {
                path: path.display().to_string().into(),
                line: 0,
                column: 0,
            };
            unfit.located(origin)
        })?;
        Ok(Checked {
            modules,
            warnings: loaded.warnings,
        })
    }
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConfigFile")
            .field(&self.0.source.path)
            .finish()
    }
}

impl fmt::Debug for CurrentConfig {
    /// Leaves the text out: some of it may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentConfig")
            .field("digest", &self.digest)
            .field("obstacle", &self.obstacle)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Replacement {
    /// Leaves the text out: some of it may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replacement")
            .field("by", &self.by)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
