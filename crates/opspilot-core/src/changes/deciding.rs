//! Every step of a change, each in one transaction with its audit entry.

use async_trait::async_trait;

use super::record::{ChangeStatus, ConfigChange, Verdict};
use super::review::{Books, ChangeError};
use crate::bus::{Tx, Work};
use crate::safety::action::Digest;
use crate::safety::audit::Record;
use crate::safety::identity::Identity;
use crate::safety::refusal::Refusal;
use crate::storage::StorageError;

/// Stores a new change.
pub(super) struct Propose {
    pub(super) books: Books,
    pub(super) change: ConfigChange,
}

/// A person's decision.
pub(super) struct Decide {
    pub(super) books: Books,
    pub(super) id: String,
    pub(super) by: Identity,
    pub(super) verb: Verb,
    pub(super) reason: Option<String>,
}

/// What a person decides.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    /// The file should become what they saw; `now` is what it is.
    Approve {
        seen: Digest,
        now: Option<Digest>,
    },
    Refuse,
    Withdraw,
}

/// Notes what came of an approval.
pub(super) struct Settle {
    pub(super) books: Books,
    pub(super) id: String,
    pub(super) by: String,
    pub(super) status: ChangeStatus,
    pub(super) outcome: Option<String>,
}

/// Ends a change that waits, because the file is another one by now.
pub(super) struct Retire {
    pub(super) books: Books,
    pub(super) id: String,
}

#[async_trait]
impl Work for Propose {
    type Output = Result<(), ChangeError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Self { books, mut change } = self;
        change.created_at = tx.now();
        let record = told("change.proposed", &change.author, &change)
            .detail("reason", change.reason.clone());
        Ok(books.store(tx, &change, record).await?)
    }
}

#[async_trait]
impl Work for Decide {
    type Output = Result<ConfigChange, ChangeError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let found = tx.get(&self.books.changes, &self.id).await?;
        let Some(mut change) = found else {
            return self.refused(tx, None, Refusal::Unknown).await;
        };
        let verdict = Verdict {
            by: self.by.subject().to_owned(),
            at: tx.now(),
            reason: self.reason.clone(),
        };
        let decided = match self.verb {
            Verb::Approve { seen, now } => match change.approve(&self.by, seen, verdict) {
                Ok(()) if now != Some(change.base) => return self.outdated(tx, change).await,
                decided => decided,
            },
            Verb::Refuse => change.refuse(&self.by, verdict),
            Verb::Withdraw => change.withdraw(&self.by, verdict),
        };
        if let Err(refusal) = decided {
            return self.refused(tx, Some(&change), refusal).await;
        }
        let record =
            told(self.verb.told(), self.by.subject(), &change).detail("reason", self.reason);
        self.books.store(tx, &change, record).await?;
        Ok(change)
    }
}

impl Decide {
    async fn refused(
        self,
        tx: &mut Tx,
        change: Option<&ConfigChange>,
        refusal: Refusal,
    ) -> Result<ConfigChange, ChangeError> {
        let by = self.by.subject();
        let record = match change {
            Some(change) => told("change.decisionRefused", by, change),
            None => Record::new("change.decisionRefused", by).detail("changeId", self.id),
        };
        let record = record
            .detail("attempted", self.verb.name())
            .detail("reason", refusal.code());
        self.books.audit.append_in(tx, record).await?;
        Err(ChangeError::Refused(refusal))
    }

    async fn outdated(
        self,
        tx: &mut Tx,
        mut change: ConfigChange,
    ) -> Result<ConfigChange, ChangeError> {
        let by = self.by.subject();
        self.books.retire(tx, &mut change, by).await?;
        Err(ChangeError::Outdated)
    }
}

#[async_trait]
impl Work for Retire {
    type Output = Result<(), StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let found = tx.get(&self.books.changes, &self.id).await?;
        match found.filter(|change| change.status == ChangeStatus::Proposed) {
            Some(mut change) => self.books.retire(tx, &mut change, "core").await,
            None => Ok(()),
        }
    }
}

/// What an outdated change says.
pub(super) const OUTDATED: &str =
    "the configuration file was changed after it was proposed; propose it again";

#[async_trait]
impl Work for Settle {
    type Output = Result<ConfigChange, ChangeError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let found = tx.get(&self.books.changes, &self.id).await?;
        let mut change = found.ok_or(ChangeError::Refused(Refusal::Unknown))?;
        change.status = self.status;
        change.outcome = self.outcome;
        let action = match self.status {
            ChangeStatus::Applied => "change.applied",
            ChangeStatus::Outdated => "change.outdated",
            _ => "change.failed",
        };
        let record = told(action, &self.by, &change).detail("outcome", change.outcome.clone());
        self.books.store(tx, &change, record).await?;
        Ok(change)
    }
}

impl Verb {
    const fn name(self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Refuse => "refuse",
            Self::Withdraw => "withdraw",
        }
    }

    const fn told(self) -> &'static str {
        match self {
            Self::Approve { .. } => "change.approved",
            Self::Refuse => "change.refused",
            Self::Withdraw => "change.withdrawn",
        }
    }
}

impl Books {
    async fn retire(
        &self,
        tx: &mut Tx,
        change: &mut ConfigChange,
        actor: &str,
    ) -> Result<(), StorageError> {
        change.status = ChangeStatus::Outdated;
        change.outcome = Some(OUTDATED.to_owned());
        let record = told("change.outdated", actor, change);
        self.store(tx, change, record).await
    }

    async fn store(
        &self,
        tx: &mut Tx,
        change: &ConfigChange,
        record: Record,
    ) -> Result<(), StorageError> {
        tx.put(&self.changes, change)?;
        self.audit.append_in(tx, record).await
    }
}

/// What is told of a change: enough to know it without it.
fn told(action: &'static str, actor: &str, change: &ConfigChange) -> Record {
    let ask = &change.ask;
    Record::new(action, actor)
        .target(format!("{} {}", ask.detector, ask.rule_id))
        .detail("changeId", change.id.clone())
        .detail("from", change.base.to_string())
        .detail("to", change.result.to_string())
}
