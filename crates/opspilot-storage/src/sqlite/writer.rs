//! The one task that writes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use opspilot_core::storage::{StorageError, WriteBatch};
use sqlx::{Connection, SqliteConnection};

use super::fault::Faults;
use super::write::{Writes, look_up};
use super::{Shapes, define, schema};
use crate::config::Durability;
use crate::group::{Pending, Receiver, Versions, Work, answer};
use crate::lock::ProcessLock;

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
        let mut waiting = Vec::with_capacity(group.len());
        match self.try_write(group, &mut waiting).await {
            Ok(()) => waiting.into_iter().for_each(|reply| answer(reply, Ok(()))),
            Err(error) => {
                let error = Arc::new(error);
                tracing::warn!(error = %error, "a group of writes failed");
                waiting
                    .into_iter()
                    .for_each(|reply| answer(reply, Err(self.faults.shared("writing", &error))));
                self.disconnect().await;
            }
        }
    }

    /// Writes a group in one transaction. Who conflicts is answered at once; who must wait for its end is in `waiting`.
    async fn try_write(
        &mut self,
        group: Vec<Pending>,
        waiting: &mut Vec<Reply>,
    ) -> Result<(), sqlx::Error> {
        let mut versions = Versions::wanted(&group);
        let (batches, replies): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|pending| (pending.batch, pending.reply))
            .unzip();
        waiting.extend(replies);
        let shapes = self.shapes.clone();
        let connection = self.connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for (collection, versions) in versions.collections_mut() {
            let shape = shapes.get(collection).map_err(as_protocol)?;
            look_up(&mut transaction, &shape, versions).await?;
        }
        let admitted = admit(&mut versions, batches, waiting);
        if admitted.is_empty() {
            return transaction.rollback().await;
        }
        write_all(&mut transaction, &shapes, admitted).await?;
        transaction.commit().await
    }

    async fn define(
        &mut self,
        collection: &str,
        definition: opspilot_core::storage::Definition,
    ) -> Result<(), StorageError> {
        let faults = self.faults.clone();
        let connection = self
            .connect()
            .await
            .map_err(|error| faults.error("opening", error))?;
        let shape = define::define(connection, collection, definition, &faults).await;
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

type Reply = tokio::sync::oneshot::Sender<Result<(), StorageError>>;

/// Separates the batches whose expectations hold from the others, which are answered.
fn admit(
    versions: &mut Versions,
    batches: Vec<WriteBatch>,
    waiting: &mut Vec<Reply>,
) -> Vec<WriteBatch> {
    let replies = std::mem::take(waiting);
    let mut admitted = Vec::with_capacity(batches.len());
    for (batch, reply) in batches.into_iter().zip(replies) {
        match versions.admit(&batch) {
            Ok(()) => {
                admitted.push(batch);
                waiting.push(reply);
            }
            Err(conflict) => answer(reply, Err(conflict)),
        }
    }
    admitted
}

/// Collections are independent tables, so each collects its own writes in order, whatever lies between them.
async fn write_all(
    connection: &mut SqliteConnection,
    shapes: &Shapes,
    batches: Vec<WriteBatch>,
) -> Result<(), sqlx::Error> {
    let mut collections: HashMap<String, Writes> = HashMap::new();
    for write in batches.into_iter().flat_map(WriteBatch::into_writes) {
        if !collections.contains_key(write.collection()) {
            let shape = shapes.get(write.collection()).map_err(as_protocol)?;
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
fn as_protocol(error: StorageError) -> sqlx::Error {
    sqlx::Error::Protocol(error.to_string())
}
