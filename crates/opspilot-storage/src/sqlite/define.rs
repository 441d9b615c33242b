//! Creating a collection's table, and rebuilding it for other indexes.

use opspilot_core::storage::{Definition, IndexSpec, StorageError};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::fault::Faults;
use super::shape::{Shape, table};
use super::write::{Put, insert};

/// How many documents a rebuild holds in memory.
const PAGE: i64 = 256;

/// Makes the database fit `definition`, in one transaction.
pub(super) async fn define(
    connection: &mut SqliteConnection,
    collection: &str,
    definition: Definition,
    faults: &Faults,
) -> Result<Shape, StorageError> {
    let failed = |error| faults.error("defining a collection in", error);
    let indexes = describe(definition.indexes);
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failed)?;
    let stored = find(&mut transaction, collection).await.map_err(failed)?;
    if let Some((id, _)) = stored.as_ref().filter(|(_, stored)| *stored == indexes) {
        return Ok(Shape::new(*id, definition));
    }
    let shape = match stored {
        None => create(&mut transaction, collection, &indexes, definition)
            .await
            .map_err(failed)?,
        Some((old, _)) => {
            tracing::info!(collection, "rebuilding indexes");
            // The name of the new table until the old one gives up the real one.
            let shape = create(&mut transaction, "", &indexes, definition)
                .await
                .map_err(failed)?;
            copy(&mut transaction, collection, old, &shape, faults).await?;
            replace(&mut transaction, collection, old, shape.id)
                .await
                .map_err(failed)?;
            shape
        }
    };
    transaction.commit().await.map_err(failed)?;
    Ok(shape)
}

/// The declared indexes as text, to notice a change.
fn describe(indexes: &[IndexSpec]) -> String {
    let described: Vec<String> = indexes
        .iter()
        .map(|spec| format!("{}/{}", spec.name, spec.prefix))
        .collect();
    described.join(",")
}

async fn find(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Option<(i64, String)>, sqlx::Error> {
    sqlx::query_as("SELECT id, indexes FROM collections WHERE name = ?")
        .bind(name)
        .fetch_optional(connection)
        .await
}

async fn create(
    connection: &mut SqliteConnection,
    name: &str,
    indexes: &str,
    definition: Definition,
) -> Result<Shape, sqlx::Error> {
    let insert = "INSERT INTO collections (name, indexes) VALUES (?, ?) RETURNING id";
    let id = sqlx::query_scalar(insert)
        .bind(name)
        .bind(indexes)
        .fetch_one(&mut *connection)
        .await?;
    let shape = Shape::new(id, definition);
    sqlx::raw_sql(AssertSqlSafe(shape.create()))
        .execute(connection)
        .await?;
    Ok(shape)
}

async fn copy(
    connection: &mut SqliteConnection,
    collection: &str,
    old: i64,
    shape: &Shape,
    faults: &Faults,
) -> Result<(), StorageError> {
    let failed = |error| faults.error("rebuilding indexes in", error);
    let page = format!(
        "SELECT rowid, key, version, json FROM {} WHERE rowid > ? ORDER BY rowid LIMIT {PAGE}",
        table(old)
    );
    let mut last = i64::MIN;
    loop {
        let page = sqlx::query(AssertSqlSafe(page.clone())).bind(last);
        let rows = page.fetch_all(&mut *connection).await.map_err(failed)?;
        let Some(row) = rows.last() else {
            return Ok(());
        };
        last = row.try_get(0).map_err(failed)?;
        let mut puts = Vec::with_capacity(rows.len());
        for row in &rows {
            let [key, json]: [String; 2] = [
                row.try_get(1).map_err(failed)?,
                row.try_get(3).map_err(failed)?,
            ];
            let index = shape.definition.entries_of(collection, &key, &json)?;
            puts.push(Put {
                key,
                version: row.try_get(2).map_err(failed)?,
                json: json.into(),
                index,
            });
        }
        insert(connection, shape, puts).await.map_err(failed)?;
    }
}

async fn replace(
    connection: &mut SqliteConnection,
    name: &str,
    old: i64,
    new: i64,
) -> Result<(), sqlx::Error> {
    let drop_old = AssertSqlSafe(format!(
        "DROP TABLE {}; DELETE FROM collections WHERE id = {old}",
        table(old)
    ));
    sqlx::raw_sql(drop_old).execute(&mut *connection).await?;
    sqlx::query("UPDATE collections SET name = ? WHERE id = ?")
        .bind(name)
        .bind(new)
        .execute(connection)
        .await?;
    Ok(())
}
