//! The audit log: who did what, in an order that nobody can change unseen.
//!
//! Every entry carries a hash over itself and the hash of the entry before it. The end of the chain is signed at least
//! every 1,000 entries and every minute, and each export ends with a signature over exactly what it holds. The format
//! is described in `docs/AUDIT.md`; [`verify`] checks it and depends on nothing else.
//!
//! An entry is written in the transaction of the change that it tells of, with [`Audit::append_in`]: either both are
//! stored or neither is.

mod chain;
mod export;
mod keeper;
mod key;
mod module;
mod note;
mod reader;
mod record;
mod row;
#[cfg(test)]
mod tests;
pub mod verify;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tracing::info;

pub use export::{Exported, Exporter};
pub use key::{KeyError, PublicKey, PublicKeyError, SigningKey};
pub use module::ModuleAudit;
pub use note::{Checkpoint, NoteError};
pub use reader::{AuditFilter, Reader};
pub use record::{Entry, Record};

use self::row::{Head, Row, StoredCheckpoint};
use crate::bus::{Bus, PublishError, Tx, Work};
use crate::clock::Timestamp;
use crate::storage::{Cursor, SharedStorage, StorageError};

/// After how many entries the end of the chain is signed.
const CHECKPOINT_EVERY: u64 = 1_000;

/// After what time at most an entry is covered by a signature.
const CHECKPOINT_AFTER: Duration = Duration::from_mins(1);

/// The audit log of this installation; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bus: Bus,
    reader: Reader,
    /// Told of entries that no signature covers yet.
    unsigned: Notify,
}

impl Audit {
    /// Opens the log in `storage`; entries are written through `bus` and signed with `key`.
    ///
    /// # Errors
    /// When the storage cannot be read, or when the log in it was not written with `key`.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        key: SigningKey,
    ) -> Result<Self, StorageError> {
        let reader = Reader::open(storage, key).await?;
        let unsigned = Notify::new();
        if reader.head().await?.unsigned() > 0 {
            unsigned.notify_one();
        }
        Ok(Self(Arc::new(Inner {
            bus,
            reader,
            unsigned,
        })))
    }

    /// The log for a module, which is the actor of everything that it writes.
    #[must_use]
    pub fn of_module(&self, module: &'static str) -> ModuleAudit {
        ModuleAudit::new(self.clone(), module)
    }

    /// Appends an entry in the transaction of the change that it tells of. Call it before the first write of the
    /// change: when it fails, nothing was written.
    ///
    /// # Errors
    /// When the end of the log cannot be read or is not what this installation wrote.
    pub async fn append_in(&self, tx: &mut Tx, record: Record) -> Result<(), StorageError> {
        let Reader {
            rows, heads, key, ..
        } = &self.0.reader;
        let mut head = Head::checked(tx.get(heads, Head::KEY).await?, key)?;
        let row = Row::new(Entry::of(record, head.seq + 1, tx.now()), head.hash)?;
        head.advance(&row);
        tx.put(rows, &row)?;
        if head.unsigned() >= CHECKPOINT_EVERY {
            self.sign_in(tx, &mut head)?;
        }
        head.seal(key);
        tx.put(heads, &head)?;
        self.0.unsigned.notify_one();
        Ok(())
    }

    /// Appends an entry in a transaction of its own and returns when it is stored. Not for stages, which hold a
    /// transaction already.
    ///
    /// # Errors
    /// When the entry cannot be stored, or the bus is closed.
    pub async fn append(&self, record: Record) -> Result<(), PublishError> {
        let source = record.actor.clone();
        let work = Append {
            audit: self.clone(),
            record,
        };
        unwrap(self.0.bus.transact(&source, work).await?)
    }

    /// One page of the entries that `filter` selects, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        filter: &AuditFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>), StorageError> {
        self.0.reader.list(filter, after, limit).await
    }

    /// Signs the end of the log, unless the newest entry is covered already, and returns the newest checkpoint.
    /// Kept elsewhere, it proves later that no entry before it was changed or removed.
    ///
    /// # Errors
    /// When the checkpoint cannot be stored, or the bus is closed.
    pub async fn checkpoint(&self) -> Result<Checkpoint, PublishError> {
        let work = Sign {
            audit: self.clone(),
        };
        unwrap(self.0.bus.transact("core", work).await?)
    }

    /// Begins an export of the whole log, for a reader that takes piece by piece.
    ///
    /// # Errors
    /// When the storage cannot be read, or the end of the log is not genuine.
    pub async fn exporter(&self) -> Result<Exporter, StorageError> {
        self.0.reader.exporter(self.0.bus.clock().now()).await
    }

    /// Writes the whole log to `sink`, piece by piece, each of whole lines with their ends.
    ///
    /// # Errors
    /// When the storage cannot be read, or with the first error of `sink`.
    pub async fn export<E: From<StorageError>>(
        &self,
        sink: impl FnMut(&str) -> Result<(), E> + Send,
    ) -> Result<Exported, E> {
        self.0.reader.export(self.0.bus.clock().now(), sink).await
    }

    /// Removes the entries that are covered by a checkpoint from before `before`, and notes that in the log. The newest
    /// such checkpoint stays: what is left continues it. Returns how many entries were removed.
    ///
    /// # Errors
    /// When the removal cannot be stored, or the bus is closed.
    pub async fn prune(&self, before: Timestamp) -> Result<u64, PublishError> {
        keeper::prune(self, before).await
    }

    /// Signs and prunes until `cancel`; sleeps while there is nothing to do. Entries older than `retention` are removed;
    /// without one, none are.
    pub async fn keep(
        &self,
        retention: Option<Duration>,
        cancel: &tokio_util::sync::CancellationToken,
    ) {
        keeper::keep(self, retention, cancel).await;
    }

    /// The key that proves the log, for whoever verifies it elsewhere.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.0.reader.key.public_key()
    }

    fn sign_in(&self, tx: &mut Tx, head: &mut Head) -> Result<Checkpoint, StorageError> {
        let Reader {
            checkpoints, key, ..
        } = &self.0.reader;
        let checkpoint = Checkpoint::new(head.seq, head.hash, tx.now()).signed(key);
        tx.put(
            checkpoints,
            &StoredCheckpoint {
                size: head.seq,
                at: tx.now(),
                note: checkpoint.note.clone(),
            },
        )?;
        head.signed = head.seq;
        info!(entries = head.seq, head = %head.hash, "audit checkpoint signed");
        Ok(checkpoint)
    }
}

struct Append {
    audit: Audit,
    record: Record,
}

#[async_trait]
impl Work for Append {
    type Output = Result<(), StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        self.audit.append_in(tx, self.record).await
    }
}

struct Sign {
    audit: Audit,
}

#[async_trait]
impl Work for Sign {
    type Output = Result<Checkpoint, StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Reader {
            heads,
            checkpoints,
            key,
            ..
        } = &self.audit.0.reader;
        let mut head = Head::checked(tx.get(heads, Head::KEY).await?, key)?;
        let newest = tx.get(checkpoints, &row::key(head.signed)).await?;
        if let Some(newest) = newest.filter(|_| head.unsigned() == 0) {
            return newest.open(key.public_key());
        }
        let checkpoint = self.audit.sign_in(tx, &mut head)?;
        head.seal(key);
        tx.put(heads, &head)?;
        Ok(checkpoint)
    }
}

fn unwrap<T>(result: Result<T, StorageError>) -> Result<T, PublishError> {
    result.map_err(|error| PublishError::Storage(Arc::new(error)))
}
