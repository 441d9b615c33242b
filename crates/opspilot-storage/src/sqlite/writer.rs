//! The one task that writes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use opspilot_core::storage::{Definition, StorageError, Write};
use sqlx::{Connection, SqliteConnection};

use super::fault::Faults;
use super::write::{Writes, look_up};
use super::{Shapes, define, schema};
use crate::group::{Pending, Receiver, Versions, Work, answer, retain};
use crate::lock::ProcessLock;
use opspilot_core::config::Durability;

/// Owns the writing connection, and the lock until the last write.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
    /// `None` after a fault: the next work opens a new one.
    pub(super) connection: Option<SqliteConnection>,
    pub(super) receiver: Receiver,
    pub(super) shapes: Shapes,
    pub(super) faults: Faults,
    pub(super) lock: ProcessLock,
}

impl Writer {
    /// Works until it is closed or nobody can ask any more.
    pub(super) async fn run(mut self) {
        loop {
            match self.receiver.next().await {
                Work::Group(group) => self.write(group).await,
                Work::Define {
                    collection,
                    definition,
                    reply,
                } => {
                    let outcome = self.define(&collection, definition).await;
                    answer(reply, outcome);
                }
                Work::Close { reply } => {
                    let outcome = self.close().await;
                    drop(self.lock);
                    if let Some(reply) = reply {
                        answer(reply, outcome);
                    }
                    return;
                }
            }
        }
    }

    async fn write(&mut self, group: Vec<Pending>) {
        let mut group = retain(group, |batch| self.shapes.check(batch));
        match self.try_write(&mut group).await {
            Ok(()) => group
                .into_iter()
                .for_each(|pending| answer(pending.reply, Ok(()))),
            Err(error) => {
                let error = Arc::new(error);
                tracing::warn!(error = %error, "a group of writes failed");
                for pending in group {
                    answer(pending.reply, Err(self.faults.shared("writing", &error)));
                }
                self.disconnect().await;
            }
        }
    }

    /// Writes a group in one transaction. Whoever conflicts is answered and leaves the group at once.
    async fn try_write(&mut self, group: &mut Vec<Pending>) -> Result<(), sqlx::Error> {
        let shapes = self.shapes.clone();
        let connection = self.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut versions = Versions::wanted(group);
        for (collection, versions) in versions.collections_mut() {
            let shape = shapes
                .get(collection)
                .map_err(|error| as_protocol(&error))?;
            look_up(&mut transaction, &shape, versions).await?;
        }
        *group = retain(std::mem::take(group), |batch| versions.admit(batch));
        let writes = group
            .iter_mut()
            .flat_map(|pending| std::mem::take(&mut pending.batch).into_writes());
        write_all(&mut transaction, &shapes, writes).await?;
        transaction.commit().await
    }

    async fn define(
        &mut self,
        collection: &str,
        definition: Definition,
    ) -> Result<(), StorageError> {
        let (faults, durability) = (self.faults.clone(), self.durability);
        let connection = self
            .connect()
            .await
            .map_err(|error| faults.error("opening", error))?;
        let shape = unsynced(connection, durability, async |connection| {
            define::define(connection, collection, definition, &faults).await
        })
        .await
        .unwrap_or_else(|error| Err(faults.error("preparing", error)));
        match shape {
            Ok(shape) => {
                self.shapes.insert(collection, shape);
                Ok(())
            }
            Err(error) => {
                self.disconnect().await;
                Err(error)
            }
        }
    }

    async fn connect(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => schema::connect(&self.path, self.durability).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Gives the connection up, with whatever state the fault left it in.
    async fn disconnect(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(error = %error, "a faulty connection did not close");
        }
    }

    /// Copies the log into the database, so that a backup of one file is whole.
    async fn close(&mut self) -> Result<(), StorageError> {
        let Some(mut connection) = self.connection.take() else {
            return Ok(());
        };
        let closing = |error| self.faults.error("closing", error);
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut connection)
            .await
            .map_err(closing)?;
        connection.close().await.map_err(closing)
    }
}

/// Runs `work` without waiting for the disk at its end. What it committed becomes durable with the next commit that
/// waits, for both stand in the same log; a power cut before that undoes both. A new database has a dozen collections to
/// define before anything is in them, and a wait for each made up most of its first start.
async fn unsynced<T>(
    connection: &mut SqliteConnection,
    durability: Durability,
    work: impl AsyncFnOnce(&mut SqliteConnection) -> T,
) -> Result<T, sqlx::Error> {
    if durability == Durability::Fast {
        return Ok(work(connection).await);
    }
    sqlx::raw_sql("PRAGMA synchronous = NORMAL")
        .execute(&mut *connection)
        .await?;
    let done = work(&mut *connection).await;
    sqlx::raw_sql("PRAGMA synchronous = FULL")
        .execute(connection)
        .await?;
    Ok(done)
}

/// Collections are independent tables, so each collects its own writes in order, whatever lies between them.
async fn write_all(
    connection: &mut SqliteConnection,
    shapes: &Shapes,
    writes: impl Iterator<Item = Write> + Send,
) -> Result<(), sqlx::Error> {
    let mut collections: HashMap<String, Writes> = HashMap::new();
    for write in writes {
        if !collections.contains_key(write.collection()) {
            let shape = shapes
                .get(write.collection())
                .map_err(|error| as_protocol(&error))?;
            collections.insert(write.collection().to_owned(), Writes::new(shape));
        }
        if let Some(writes) = collections.get_mut(write.collection()) {
            writes.push(connection, write).await?;
        }
    }
    for writes in collections.values_mut() {
        writes.flush(connection).await?;
    }
    Ok(())
}

/// A collection that was checked before the batch was queued cannot be missing.
fn as_protocol(error: &StorageError) -> sqlx::Error {
    sqlx::Error::Protocol(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_definition_does_not_wait_for_the_disk_and_what_follows_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let faults = Faults::new(&path);
        let durable = Durability::Durable;
        let mut connection = schema::open(&path, durable, &faults).await.unwrap();
        let level = async |connection: &mut SqliteConnection| {
            sqlx::query_scalar::<_, i64>("PRAGMA synchronous")
                .fetch_one(connection)
                .await
                .unwrap()
        };
        let during = unsynced(&mut connection, durable, level).await.unwrap();
        let after = level(&mut connection).await;
        // 1 is NORMAL and 2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous
        assert_eq!((during, after), (1, 2));
    }
}
