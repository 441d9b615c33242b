//! The one thread that writes the log.

use std::sync::{Arc, PoisonError, RwLock};

use opspilot_core::storage::{StorageError, Tables, WriteBatch};

use super::format::{self, Entry};
use super::log::Log;
use crate::group::{Pending, Receiver, Versions, Work, answer, retain, split};
use crate::lock::ProcessLock;

/// The documents, until the storage is closed.
pub(super) type Shared = Arc<RwLock<Option<Tables>>>;

/// Owns the log, and the lock until the last write.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) log: Log,
    pub(super) tables: Shared,
    pub(super) receiver: Receiver,
    pub(super) lock: ProcessLock,
}

impl Writer {
    /// Works until it is closed or nobody can ask any more.
    pub(super) fn run(mut self) {
        loop {
            match self.receiver.blocking_next() {
                Work::Group(group) => self.write(group),
                Work::Define {
                    collection,
                    definition,
                    reply,
                } => {
                    let outcome = write(&self.tables, |tables| {
                        tables.define(&collection, definition)
                    });
                    answer(reply, outcome);
                }
                Work::Close { reply } => {
                    let outcome = self.log.sync();
                    *self.tables.write().unwrap_or_else(PoisonError::into_inner) = None;
                    drop(self.lock);
                    if let Some(reply) = reply {
                        answer(reply, outcome);
                    }
                    return;
                }
            }
        }
    }

    /// Writes a group to the log, and then, when it cannot be lost any more, to the tables.
    fn write(&mut self, group: Vec<Pending>) {
        let tables = Arc::clone(&self.tables);
        let mut group = retain(group, |batch| {
            read(&tables, |tables| tables.check_shape(batch))
        });
        let outcome = read(&tables, |tables| {
            let mut versions = versions(tables, &group)?;
            group = retain(std::mem::take(&mut group), |batch| versions.admit(batch));
            if group.iter().all(|pending| pending.batch.is_empty()) {
                return Ok(());
            }
            self.log.append(&record(&group)?, tables)
        });
        let (batches, replies) = split(group);
        let outcome = outcome.map_err(Arc::new);
        if outcome.is_ok() {
            apply(&tables, batches);
        }
        for reply in replies {
            answer(reply, outcome.as_ref().copied().map_err(for_each_caller));
        }
        // The lock of the tables is only read: a rewrite delays writes, not reads.
        let compacted = read(&tables, |tables| {
            self.log.rewrite_if_large(tables);
            Ok(())
        });
        drop(compacted);
    }
}

/// Reads the tables, unless they are closed.
pub(super) fn read<T>(
    tables: &Shared,
    read: impl FnOnce(&Tables) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let tables = tables.read().unwrap_or_else(PoisonError::into_inner);
    read(tables.as_ref().ok_or(StorageError::Closed)?)
}

fn write<T>(
    tables: &Shared,
    write: impl FnOnce(&mut Tables) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    let mut tables = tables.write().unwrap_or_else(PoisonError::into_inner);
    write(tables.as_mut().ok_or(StorageError::Closed)?)
}

fn apply(tables: &Shared, batches: Vec<WriteBatch>) {
    let mut tables = tables.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(tables) = tables.as_mut() {
        batches.into_iter().for_each(|batch| tables.write(batch));
    }
}

/// The versions of the documents that the group expects something of.
fn versions(tables: &Tables, group: &[Pending]) -> Result<Versions, StorageError> {
    let mut versions = Versions::wanted(group);
    for (collection, keys) in versions.collections_mut() {
        for (key, version) in keys.iter_mut() {
            *version = tables.version(collection, key)?;
        }
    }
    Ok(versions)
}

fn record(group: &[Pending]) -> Result<Vec<u8>, StorageError> {
    let entries = group
        .iter()
        .flat_map(|pending| pending.batch.writes())
        .map(Entry::from);
    format::record(entries).ok_or_else(|| StorageError::Shape {
        what: "a group of writes".into(),
        detail: "more than 4 GiB at once".into(),
    })
}

fn for_each_caller(error: &Arc<StorageError>) -> StorageError {
    match &**error {
        StorageError::Closed => StorageError::Closed,
        StorageError::Shape { what, detail } => StorageError::Shape {
            what: what.clone(),
            detail: detail.clone(),
        },
        _ => StorageError::Unavailable {
            operation: "writing the log".into(),
            source: Box::new(Arc::clone(error)),
        },
    }
}
