//! Writes as multi-row statements.

use std::collections::HashMap;
use std::sync::Arc;

use opspilot_core::storage::{IndexEntry, Write};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Row, SqliteConnection};

use super::shape::Shape;

/// A document to insert or replace.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) key: String,
    pub(super) version: i64,
    pub(super) json: Arc<str>,
    pub(super) index: Vec<Option<IndexEntry>>,
}

/// The writes of one collection, in order.
#[derive(Debug)]
pub(super) struct Writes {
    shape: Arc<Shape>,
    /// Puts since the last removal.
    puts: Vec<Put>,
}

impl Writes {
    pub(super) fn new(shape: Arc<Shape>) -> Self {
        Self {
            shape,
            puts: Vec::new(),
        }
    }

    /// Takes the next write. Puts wait for company; a removal first lets them through.
    pub(super) async fn push(
        &mut self,
        connection: &mut SqliteConnection,
        write: Write,
    ) -> Result<(), sqlx::Error> {
        let mut arguments = SqliteArguments::default();
        let statement = match write {
            Write::Put {
                key, json, index, ..
            } => {
                self.puts.push(Put {
                    key,
                    version: 1,
                    json,
                    index,
                });
                return Ok(());
            }
            Write::Delete { key, .. } => {
                add(&mut arguments, key)?;
                &self.shape.delete
            }
            Write::DeleteRange { from, to, .. } => {
                add(&mut arguments, from)?;
                match to {
                    None => &self.shape.delete_from,
                    Some(to) => {
                        add(&mut arguments, to)?;
                        &self.shape.delete_range
                    }
                }
            }
        };
        let statement = Arc::clone(statement);
        self.flush(connection).await?;
        execute(connection, &statement, arguments).await
    }

    /// Writes the puts that wait.
    pub(super) async fn flush(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        insert(connection, &self.shape, std::mem::take(&mut self.puts)).await
    }
}

/// Inserts or replaces documents, in order.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    shape: &Shape,
    puts: Vec<Put>,
) -> Result<(), sqlx::Error> {
    let mut left = puts.len();
    let mut puts = puts.into_iter();
    while let Some((rows, statement)) = shape.insert(left) {
        let mut arguments = SqliteArguments::default();
        for put in puts.by_ref().take(*rows) {
            bind(&mut arguments, shape, put)?;
        }
        execute(connection, statement, arguments).await?;
        left -= rows;
    }
    Ok(())
}

/// Fills in the versions of the keys that exist.
pub(super) async fn look_up(
    connection: &mut SqliteConnection,
    shape: &Shape,
    versions: &mut HashMap<String, Option<u64>>,
) -> Result<(), sqlx::Error> {
    let keys: Vec<String> = versions.keys().cloned().collect();
    let mut left = keys.len();
    let mut keys = keys.into_iter();
    while let Some((size, statement)) = shape.lookup(left) {
        let mut arguments = SqliteArguments::default();
        for key in keys.by_ref().take(*size) {
            add(&mut arguments, key)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(Arc::clone(statement)), arguments);
        for row in query.fetch_all(&mut *connection).await? {
            let version: i64 = row.try_get(1)?;
            versions.insert(row.try_get(0)?, Some(version.cast_unsigned()));
        }
        left -= size;
    }
    Ok(())
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &Arc<str>,
    arguments: SqliteArguments,
) -> Result<(), sqlx::Error> {
    sqlx::query_with(AssertSqlSafe(Arc::clone(statement)), arguments)
        .execute(connection)
        .await?;
    Ok(())
}

fn bind(arguments: &mut SqliteArguments, shape: &Shape, put: Put) -> Result<(), sqlx::Error> {
    add(arguments, put.key)?;
    arguments.add(put.version).map_err(sqlx::Error::Encode)?;
    arguments.add(put.json).map_err(sqlx::Error::Encode)?;
    for (entry, spec) in put.index.into_iter().zip(shape.definition.indexes) {
        let Some(entry) = entry else {
            for _ in 0..=spec.prefix {
                arguments.add(None::<i64>).map_err(sqlx::Error::Encode)?;
            }
            continue;
        };
        for value in entry.prefix {
            add(arguments, value)?;
        }
        arguments.add(entry.sort).map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}

fn add(arguments: &mut SqliteArguments, text: String) -> Result<(), sqlx::Error> {
    arguments.add(text).map_err(sqlx::Error::Encode)
}
