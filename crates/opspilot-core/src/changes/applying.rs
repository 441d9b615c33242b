//! Applying what was approved, and what became of it when the server went down meanwhile.

use tracing::warn;

use super::deciding::{OUTDATED, Settle, Verb};
use super::drafting::Draft;
use super::record::{ChangeStatus, ConfigChange};
use super::review::{ChangeError, Inner};
use crate::error::chain;
use crate::module::{DiskError, ReloadReport, ReplaceError, Replacement};
use crate::safety::action::Digest;
use crate::safety::identity::Identity;
use crate::storage::{Query, StorageError};

/// Approves the change `id`, replaces the file and notes what came of it.
pub(super) async fn apply(
    inner: &Inner,
    id: String,
    by: Identity,
    (seen, reason): (Digest, Option<String>),
) -> Result<ConfigChange, ChangeError> {
    let _turn = inner.turn.lock().await;
    let current = inner.current().await?;
    if let Some(obstacle) = &current.obstacle {
        return Err(ChangeError::Obstacle(obstacle.clone()));
    }
    let now = current.digest;
    let change = inner
        .decide(&id, &by, Verb::Approve { seen, now }, reason)
        .await?;
    let draft = Draft {
        kind: change.ask.kind,
        detector: change.ask.detector.clone(),
        rule_id: Some(change.ask.rule_id.clone()),
        rule: change.ask.rule.clone(),
    };
    let made = inner.preview(draft, current);
    let made = made.and_then(|made| match made.result() == change.result {
        true => Ok(made.edited.text),
        false => Err(ChangeError::Failed(
            "it makes another file than was seen".into(),
        )),
    });
    let text = match made {
        Ok(text) => text,
        Err(error) => {
            let outcome = Some(chain(&error));
            settle(inner, &change, &by, (ChangeStatus::Failed, outcome)).await?;
            return Err(error);
        }
    };
    let replacement = Replacement {
        by: by.subject().to_owned(),
        expected: Some(change.base),
        text,
    };
    match inner.file.replace(replacement).await {
        Ok(report) => {
            let outcome = doubts(&report);
            let applied = settle(inner, &change, &by, (ChangeStatus::Applied, outcome)).await?;
            // What else waits was made for the file before.
            if let Err(error) = inner.retire(change.result).await {
                warn!(error = %chain(&error), "changes that are outdated by another could not be ended");
            }
            Ok(applied)
        }
        Err(ReplaceError::Disk(DiskError::Changed { .. })) => {
            let outcome = Some(OUTDATED.to_owned());
            settle(inner, &change, &by, (ChangeStatus::Outdated, outcome)).await?;
            Err(ChangeError::Outdated)
        }
        Err(error) => {
            let outcome = Some(chain(&error));
            settle(inner, &change, &by, (ChangeStatus::Failed, outcome)).await?;
            Err(error.into())
        }
    }
}

/// What went wrong although the new configuration is in use.
fn doubts(report: &ReloadReport) -> Option<String> {
    let failed = report.failed.iter();
    let told: Vec<_> = failed
        .map(|one| format!("module `{}` does not start: {}", one.module, one.reason))
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

async fn settle(
    inner: &Inner,
    change: &ConfigChange,
    by: &Identity,
    (status, outcome): (ChangeStatus, Option<String>),
) -> Result<ConfigChange, ChangeError> {
    let work = Settle {
        books: inner.books.clone(),
        id: change.id.clone(),
        by: by.subject().to_owned(),
        status,
        outcome,
    };
    inner.bus.transact(by.subject(), work).await?
}

/// Settles what an earlier server had begun to apply: the file says whether it was.
pub(super) async fn settle_leftovers(inner: &Inner) -> Result<(), StorageError> {
    let status = ChangeStatus::Applying.as_str().to_owned();
    let query = Query::by_index("recent", vec![vec![status]], 100);
    let (left, _) = inner.books.changes.query(&query).await?;
    if left.is_empty() {
        return Ok(());
    }
    let current = inner.file.current().await.ok();
    let digest = current.and_then(|current| current.digest);
    for change in left {
        let (status, outcome) = left_over(&change, digest);
        let work = Settle {
            books: inner.books.clone(),
            id: change.id,
            by: "core".to_owned(),
            status,
            outcome: Some(outcome.to_owned()),
        };
        let settled = inner.bus.transact("core", work).await;
        if let Err(error) = settled.map_err(ChangeError::from).flatten() {
            warn!(error = %chain(&error), "a change of the rules could not be settled");
        }
    }
    Ok(())
}

/// What became of a change that was being applied, with the file as it is `now`.
fn left_over(change: &ConfigChange, now: Option<Digest>) -> (ChangeStatus, &'static str) {
    if now == Some(change.result) {
        return (
            ChangeStatus::Applied,
            "the server ended before it was noted",
        );
    }
    let outcome = if now == Some(change.base) {
        "the server ended before the file was replaced; propose it again"
    } else {
        "the server ended while it was applied, and the file was changed since: look whether the rule is in it"
    };
    (ChangeStatus::Failed, outcome)
}
