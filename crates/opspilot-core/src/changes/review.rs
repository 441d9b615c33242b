//! Proposing changes and deciding them.

use std::sync::Arc;

use tokio::sync::{Mutex, oneshot};

use super::applying;
use super::deciding::{Decide, Propose, Retire, Verb};
use super::drafting::{Draft, Preview};
use super::record::{ChangeStatus, ConfigChange, Evidence};
use crate::bus::{Bus, PublishError};
use crate::config::{ConfigErrors, EditError};
use crate::error::chain;
use crate::module::{ConfigFile, Registry, Tasks};
use crate::safety::action::Digest;
use crate::safety::audit::Audit;
use crate::safety::identity::Identity;
use crate::safety::refusal::Refusal;
use crate::storage::{Collection, Cursor, Query, SharedStorage, StorageError, Store};

/// How many changes may wait at once.
const WAITING: usize = 100;

/// Changes of rules; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct RuleChanges(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) bus: Bus,
    pub(super) books: Books,
    pub(super) file: ConfigFile,
    pub(super) registry: Registry,
    tasks: Tasks,
    /// One decision at a time.
    pub(super) turn: Mutex<()>,
}

/// Where changes are written; cloning it clones handles.
#[derive(Debug, Clone)]
pub(super) struct Books {
    pub(super) changes: Collection<ConfigChange>,
    pub(super) audit: Audit,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// It is refused; that is audited.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The file was changed after it was proposed.
    #[error("the configuration file was changed after it was proposed: propose it again")]
    Outdated,
    /// The rule cannot be edited like that.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The configuration would have faults.
    #[error("{0}")]
    Invalid(ConfigErrors),
    /// There is no file, or it cannot be replaced.
    #[error("the configuration file cannot be replaced: {0}")]
    Obstacle(String),
    /// A module of the id has no rules.
    #[error("no detector with rules is called `{0}`")]
    NoSuchDetector(String),
    /// Too many wait.
    #[error("{WAITING} changes wait already: decide those first")]
    TooMany,
    /// It was approved, and could not be applied.
    #[error("approved, and not applied: {0}")]
    Failed(String),
    /// The storage does not work.
    #[error("changes cannot be stored or read")]
    Storage(#[from] StorageError),
    /// The change could not be stored.
    #[error("the change could not be stored")]
    Publish(#[from] PublishError),
    /// The work was cut short.
    #[error("the work was cut short: look at the change again")]
    CutShort,
}

impl RuleChanges {
    /// Opens the changes in `storage`. What an earlier server left half done is settled by what the file says.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        audit: Audit,
        (file, registry): (ConfigFile, Registry),
    ) -> Result<Self, StorageError> {
        let changes = Store::new(storage, "system").collection().await?;
        let opened = Self(Arc::new(Inner {
            bus,
            books: Books { changes, audit },
            file,
            registry,
            tasks: Tasks::of("core"),
            turn: Mutex::default(),
        }));
        applying::settle_leftovers(&opened.0).await?;
        Ok(opened)
    }

    /// The text of the rule `id` of `detector` in the file as it is now.
    ///
    /// # Errors
    /// When there is no such rule, or it cannot be edited apart from the rest.
    pub async fn rule(&self, detector: &str, id: &str) -> Result<String, ChangeError> {
        let current = self.0.current().await?;
        let text = self.0.in_file(&current, detector, |file| file.rule(id))?;
        Ok(text?)
    }

    /// What `draft` would do, checked whole; nothing is stored.
    ///
    /// # Errors
    /// When the rule cannot be edited like that, or the configuration would have faults.
    pub async fn preview(&self, draft: Draft) -> Result<Preview, ChangeError> {
        let current = self.0.current().await?;
        let preview = self.0.preview(draft, current)?;
        let checked = self.0.file.check(preview.edited.text.clone()).await;
        checked.map_err(ChangeError::Invalid)?;
        Ok(preview)
    }

    /// Stores `preview` as a change that waits for another person.
    ///
    /// # Errors
    /// When too many wait, or it cannot be stored.
    pub async fn propose(
        &self,
        preview: Preview,
        by: &Identity,
        (reason, evidence): (String, Option<Evidence>),
    ) -> Result<ConfigChange, ChangeError> {
        if let Some(obstacle) = preview.obstacle {
            return Err(ChangeError::Obstacle(obstacle));
        }
        let settled = self.0.file.settled().await.ok();
        let base = settled.and_then(|file| file.digest).unwrap_or(preview.base);
        if self.0.retire(base).await? >= WAITING {
            return Err(ChangeError::TooMany);
        }
        let change = ConfigChange {
            id: uuid::Uuid::now_v7().to_string(),
            status: ChangeStatus::Proposed,
            result: preview.result(),
            ask: preview.ask,
            author: by.subject().to_owned(),
            reason,
            created_at: self.0.bus.clock().now(),
            base: preview.base,
            diff: preview.edited.diff,
            evidence,
            decision: None,
            outcome: None,
        };
        let work = Propose {
            books: self.0.books.clone(),
            change: change.clone(),
        };
        self.0.bus.transact(by.subject(), work).await??;
        Ok(change)
    }

    /// Approves the change `id` on behalf of `by`, who saw that it makes the file `seen`, and applies it.
    ///
    /// # Errors
    /// When it is refused (which is audited), the file was changed meanwhile, or the server does not take it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the work running to its end.
    pub async fn approve(
        &self,
        id: &str,
        by: &Identity,
        (seen, reason): (Digest, Option<String>),
    ) -> Result<ConfigChange, ChangeError> {
        let (answer, outcome) = oneshot::channel();
        let (inner, id, by) = (Arc::clone(&self.0), id.to_owned(), by.clone());
        self.0.tasks.spawn("change", async move {
            let done = applying::apply(&inner, id, by, (seen, reason)).await;
            // Whoever asked may have gone.
            answer.send(done).ok();
        });
        outcome.await.unwrap_or(Err(ChangeError::CutShort))
    }

    /// Refuses the change `id` on behalf of `by`.
    ///
    /// # Errors
    /// When that is refused (which is audited), or nothing can be stored.
    pub async fn refuse(
        &self,
        id: &str,
        by: &Identity,
        reason: Option<String>,
    ) -> Result<ConfigChange, ChangeError> {
        self.0.decide(id, by, Verb::Refuse, reason).await
    }

    /// Takes the change `id` back on behalf of `by`: its author or an administrator.
    ///
    /// # Errors
    /// When that is refused (which is audited), or nothing can be stored.
    pub async fn withdraw(
        &self,
        id: &str,
        by: &Identity,
        reason: Option<String>,
    ) -> Result<ConfigChange, ChangeError> {
        self.0.decide(id, by, Verb::Withdraw, reason).await
    }

    /// The change `id`, if there is one.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<ConfigChange>, StorageError> {
        let found = self.0.books.changes.get(id).await?;
        Ok(found.map(|(change, _)| change))
    }

    /// One page of the changes in one of `statuses` (all if empty), newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        statuses: &[ChangeStatus],
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<ConfigChange>, Option<Cursor>), StorageError> {
        let statuses = match statuses {
            [] => &ChangeStatus::ALL[..],
            some => some,
        };
        let prefix = |status: &ChangeStatus| vec![status.as_str().to_owned()];
        let query = Query::by_index("recent", statuses.iter().map(prefix).collect(), limit);
        let query = query.descending().after(after);
        self.0.books.changes.query(&query).await
    }

    /// The digest of the file as it is now: a change that waits and was made for another one is outdated. `None` if it
    /// cannot be read.
    pub async fn base(&self) -> Option<Digest> {
        self.0.file.current().await.ok()?.digest
    }
}

impl Inner {
    /// Ends every change that waits for a file other than `base`, and tells how many are left.
    pub(super) async fn retire(&self, base: Digest) -> Result<usize, ChangeError> {
        let status = ChangeStatus::Proposed.as_str().to_owned();
        let query = Query::by_index("recent", vec![vec![status]], WAITING);
        let (waiting, _) = self.books.changes.query(&query).await?;
        let mut left = 0;
        for change in waiting {
            if change.base == base {
                left += 1;
                continue;
            }
            let work = Retire {
                books: self.books.clone(),
                id: change.id,
            };
            self.bus.transact("core", work).await??;
        }
        Ok(left)
    }

    pub(super) async fn decide(
        &self,
        id: &str,
        by: &Identity,
        verb: Verb,
        reason: Option<String>,
    ) -> Result<ConfigChange, ChangeError> {
        let work = Decide {
            books: self.books.clone(),
            id: id.to_owned(),
            by: by.clone(),
            verb,
            reason,
        };
        self.bus.transact(by.subject(), work).await?
    }
}

impl From<crate::module::ReplaceError> for ChangeError {
    fn from(error: crate::module::ReplaceError) -> Self {
        Self::Failed(chain(&error))
    }
}
