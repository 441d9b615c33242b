//! Stand-ins on their way into the storage, with the record of who entered them.

use async_trait::async_trait;

use crate::bus::{Tx, Work};
use crate::clock::Timestamp;
use crate::event::EventId;
use crate::oncall::record::{Override, OverrideRequest, Source};
use crate::safety::audit::{Audit, Record as AuditRecord};
use crate::storage::{Collection, StorageError};

impl OverrideRequest {
    /// The stand-in that `actor` asks for.
    pub(super) fn entered_by(self, actor: &str, now: Timestamp) -> Override {
        Override {
            id: EventId::generate(now).to_string(),
            schedule: self.schedule,
            person: self.person,
            from: self.from,
            until: self.until,
            source: Source::Entered,
            added_by: actor.to_owned(),
            added_at: now,
            reason: self.reason,
        }
    }
}

/// Adds a stand-in, or removes some.
pub(super) struct Enter {
    pub(super) audit: Audit,
    pub(super) stored: Collection<Override>,
    pub(super) deed: AuditRecord,
    pub(super) added: Option<Override>,
    pub(super) old: Vec<String>,
}

#[async_trait]
impl Work for Enter {
    type Output = Result<(), StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        self.audit.append_in(tx, self.deed).await?;
        self.old.iter().for_each(|id| tx.delete(&self.stored, id));
        self.added
            .iter()
            .try_for_each(|one| tx.put(&self.stored, one))
    }
}
