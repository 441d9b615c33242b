//! Opening the database and its numbered migrations.

use std::path::Path;
use std::time::Duration;

use opspilot_core::storage::StorageError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};

use super::fault::Faults;
use crate::lock::{private_file, unavailable};
use opspilot_core::config::Durability;

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 2000 });
const READERS: u32 = 2;
const STATEMENTS: usize = 256;

/// What turns each format into the next, the first from an empty file. `user_version` counts those done.
const MIGRATIONS: &[&str] = &["
    PRAGMA application_id = 1869640560; -- 'opsp'
    CREATE TABLE collections (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        indexes TEXT NOT NULL,
        documents INTEGER NOT NULL DEFAULT 0
    );
"];

/// The writing connection, after all migrations.
pub(super) async fn open(
    path: &Path,
    durability: Durability,
    faults: &Faults,
) -> Result<SqliteConnection, StorageError> {
    let created = private_file().create(true).truncate(false).open(path);
    drop(created.map_err(|source| unavailable(format!("opening `{}`", path.display()), source))?);
    let opening = |error| faults.error("opening", error);
    let mut connection = connect(path, durability).await.map_err(opening)?;
    migrate(&mut connection, faults).await?;
    Ok(connection)
}

/// A connection that writes, to a database that has been migrated.
pub(super) async fn connect(
    path: &Path,
    durability: Durability,
) -> Result<SqliteConnection, sqlx::Error> {
    let synchronous = match durability {
        Durability::Durable => SqliteSynchronous::Full,
        Durability::Fast => SqliteSynchronous::Normal,
    };
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        // The log is copied into the database every 16 MiB, and never stays longer than 64 MiB.
        .pragma("wal_autocheckpoint", "4096")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "memory");
    SqliteConnection::connect_with(&options).await
}

/// The connections that read. They are opened when first needed.
pub(super) fn readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .connect_lazy_with(options(path).pragma("query_only", "on"))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .foreign_keys(false)
}

async fn migrate(connection: &mut SqliteConnection, faults: &Faults) -> Result<(), StorageError> {
    let failed = |error| faults.error("migrating", error);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if found > known {
        return Err(faults.too_new(found, known));
    }
    if found == 0 {
        refuse_foreign(connection, faults).await?;
    }
    for (version, migration) in (1..)
        .zip(MIGRATIONS)
        .skip(usize::try_from(found).unwrap_or(0))
    {
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed)?;
        sqlx::raw_sql(*migration)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let mark = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {version}"));
        sqlx::raw_sql(mark)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    Ok(())
}

/// A database with tables and no version belongs to another program.
async fn refuse_foreign(
    connection: &mut SqliteConnection,
    faults: &Faults,
) -> Result<(), StorageError> {
    let tables = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(connection)
        .await;
    let tables: i64 = tables.map_err(|error| faults.error("opening", error))?;
    if tables == 0 {
        Ok(())
    } else {
        Err(faults.corrupt("it belongs to another program"))
    }
}
