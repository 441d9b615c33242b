//! The log as one module may use it.

use super::{Audit, AuditFilter, Checkpoint, Entry, Exporter, PublicKey, Record};
use crate::bus::{PublishError, Tx};
use crate::storage::{Cursor, StorageError};

/// The audit log as one module may use it: it is the actor of everything that it writes.
#[derive(Debug, Clone)]
pub struct ModuleAudit {
    audit: Audit,
    module: &'static str,
}

impl ModuleAudit {
    pub(super) const fn new(audit: Audit, module: &'static str) -> Self {
        Self { audit, module }
    }

    /// Appends an entry and returns when it is stored. Whatever actor the record names, the module is written.
    ///
    /// # Errors
    /// When the entry cannot be stored, or the bus is closed.
    pub async fn append(&self, record: Record) -> Result<(), PublishError> {
        self.audit.append(self.own(record)).await
    }

    /// Appends an entry in the transaction of the change that it tells of, before its first write.
    ///
    /// # Errors
    /// When the end of the log cannot be read.
    pub async fn append_in(&self, tx: &mut Tx, record: Record) -> Result<(), StorageError> {
        self.audit.append_in(tx, self.own(record)).await
    }

    /// As [`Audit::list`].
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>), StorageError> {
        self.audit.list(filter, after, limit).await
    }

    /// As [`Audit::exporter`].
    ///
    /// # Errors
    /// When the storage cannot be read, or the end of the log is not genuine.
    pub async fn exporter(&self) -> Result<Exporter, StorageError> {
        self.audit.exporter().await
    }

    /// As [`Audit::checkpoint`].
    ///
    /// # Errors
    /// When the checkpoint cannot be stored, or the bus is closed.
    pub async fn checkpoint(&self) -> Result<Checkpoint, PublishError> {
        self.audit.checkpoint().await
    }

    /// The key that proves the log.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.audit.public_key()
    }

    fn own(&self, mut record: Record) -> Record {
        record.actor = self.module.to_owned();
        record
    }
}
