//! What the log needs from time to time: signatures, and the removal of old entries.

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::record::Record;
use super::row::key;
use super::{Audit, CHECKPOINT_AFTER, unwrap};
use crate::bus::{PublishError, Tx, Work};
use crate::clock::Timestamp;
use crate::error::chain;
use crate::storage::{Query, StorageError};

/// How many checkpoints are removed in one transaction, so that none takes long.
const STEP: usize = 10;

/// How long the next look for old entries is put off at least and at most.
const PAUSE: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(24));

pub(super) async fn keep(audit: &Audit, retention: Option<Duration>, cancel: &CancellationToken) {
    tokio::select! {
        biased;
        () = cancel.cancelled() => {}
        () = keep_signed(audit) => {}
        () = keep_short(audit, retention) => {}
    }
}

/// Signs the end of the log a minute after the first entry that is not covered.
async fn keep_signed(audit: &Audit) {
    loop {
        audit.0.unsigned.notified().await;
        tokio::time::sleep(CHECKPOINT_AFTER).await;
        if let Err(error) = audit.checkpoint().await {
            warn!(error = %chain(&error), "audit checkpoint failed, trying again");
            audit.0.unsigned.notify_one();
        }
    }
}

/// Removes entries when they are older than `retention`.
async fn keep_short(audit: &Audit, retention: Option<Duration>) {
    let Some(retention) = retention else {
        return std::future::pending().await;
    };
    loop {
        let now = audit.0.bus.clock().now();
        if let Err(error) = audit.prune(now.minus(retention)).await {
            warn!(error = %chain(&error), "old audit entries could not be removed, trying again");
        }
        let wait = match audit.0.reader.oldest_checkpoint().await {
            Ok(Some(at)) => at.plus(retention).since(now),
            Ok(None) | Err(_) => PAUSE.1,
        };
        tokio::time::sleep(wait.clamp(PAUSE.0, PAUSE.1)).await;
    }
}

/// See [`Audit::prune`].
pub(super) async fn prune(audit: &Audit, before: Timestamp) -> Result<u64, PublishError> {
    let mut removed = 0;
    loop {
        let _no_export = audit.0.reader.removal.write().await;
        let work = Prune {
            audit: audit.clone(),
            before,
        };
        match unwrap(audit.0.bus.transact("core", work).await?)? {
            0 => break,
            more => removed += more,
        }
    }
    if removed > 0 {
        info!(entries = removed, "old audit entries removed");
    }
    Ok(removed)
}

struct Prune {
    audit: Audit,
    before: Timestamp,
}

#[async_trait]
impl Work for Prune {
    type Output = Result<u64, StorageError>;

    /// Removes up to [`STEP`] checkpoints with what they cover, but for the newest of them.
    async fn run(self, tx: &mut Tx) -> Self::Output {
        let reader = &self.audit.0.reader;
        let Some(first) = reader.first().await? else {
            return Ok(0);
        };
        let (oldest, _) = reader.checkpoints.query(&Query::by_key(STEP + 1)).await?;
        let is_old = |checkpoint: &&super::row::StoredCheckpoint| checkpoint.at < self.before;
        let last = oldest.iter().take_while(is_old).last();
        let Some(last) = last.map(|base| base.size).filter(|last| *last >= first) else {
            return Ok(0);
        };
        let removed = last - first + 1;
        let record = Record::new("audit.pruned", "core")
            .detail("first", first)
            .detail("last", last)
            .detail("before", self.before.to_string());
        self.audit.append_in(tx, record).await?;
        tx.delete_range(reader.rows.name(), key(first)..key(last + 1));
        tx.delete_range(reader.checkpoints.name(), key(0)..key(last));
        Ok(removed)
    }
}

impl super::Reader {
    /// When the oldest checkpoint was signed that covers an entry which is still stored.
    async fn oldest_checkpoint(&self) -> Result<Option<Timestamp>, StorageError> {
        let first = self.first().await?.unwrap_or(0);
        let (oldest, _) = self.checkpoints.query(&Query::by_key(2)).await?;
        let covers = oldest.iter().find(|checkpoint| checkpoint.size >= first);
        Ok(covers.map(|checkpoint| checkpoint.at))
    }
}
