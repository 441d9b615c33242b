use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Mutex;

use opspilot_core::storage::conformance::{self, Subject};
use opspilot_core::storage::{Cursor, IndexSpec, SharedStorage};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

use super::*;

struct Sqlite {
    directory: TempDir,
    opened: Mutex<usize>,
}

impl Sqlite {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("makes a directory"),
            opened: Mutex::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory
            .path()
            .join(format!("{}.db", self.opened.lock().expect("no panic")))
    }

    async fn open(&self) -> SharedStorage {
        Arc::new(
            SqliteStorage::open(&self.path(), Durability::Durable)
                .await
                .expect("opens"),
        )
    }
}

#[async_trait]
impl Subject for Sqlite {
    async fn fresh(&self) -> SharedStorage {
        *self.opened.lock().expect("no panic") += 1;
        self.open().await
    }

    async fn reopen(&self, storage: SharedStorage) -> Option<SharedStorage> {
        storage.close().await.expect("closes");
        Some(self.open().await)
    }
}

#[tokio::test]
async fn sqlite_passes_the_conformance_suite() {
    conformance::check(&Sqlite::new()).await;
}

#[tokio::test]
async fn users_on_sqlite_pass_the_suite() {
    opspilot_core::safety::credentials::conformance::check(&Sqlite::new()).await;
}

const NOTES: &str = "tests::notes";

async fn open(path: &Path) -> Result<SqliteStorage, OpenError> {
    let storage = SqliteStorage::open(path, Durability::Durable).await?;
    storage.define(NOTES, Definition::UNINDEXED).await?;
    Ok(storage)
}

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("makes a directory");
    let path = directory.path().join("data/test.db");
    (directory, path)
}

/// Another program's connection to the database.
async fn intruder(path: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    SqliteConnection::connect_with(&options)
        .await
        .expect("connects")
}

fn assert_corrupt(outcome: &Result<impl std::fmt::Debug, OpenError>) {
    let is_expected = matches!(outcome, Err(OpenError::Storage(StorageError::Corrupt { detail, .. }))
        if detail.contains("restore a backup"));
    assert!(is_expected, "corrupt, with the way out, not {outcome:?}");
}

#[tokio::test]
async fn a_locked_database_is_a_passing_fault() {
    let (_directory, path) = directory();
    let storage = open(&path).await.expect("opens");
    let mut intruder = intruder(&path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut intruder)
        .await
        .expect("locks");
    for _ in 0..2 {
        let refused = storage
            .set(NOTES, "a", "1".into())
            .await
            .expect_err("is locked");
        assert!(refused.is_transient(), "{refused:?}");
    }
    assert!(
        !storage
            .has(NOTES, "a")
            .await
            .expect("reads while another writes")
    );
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut intruder)
        .await
        .expect("unlocks");
    storage
        .set(NOTES, "a", "1".into())
        .await
        .expect("writes again");
    assert!(storage.has(NOTES, "a").await.expect("reads"));
}

/// The limit on pages gives `SQLITE_FULL`, as a full disk does; it ends with the connection that has it.
#[tokio::test]
async fn a_full_disk_is_a_passing_fault() {
    let (_directory, path) = directory();
    open(&path)
        .await
        .expect("opens")
        .close()
        .await
        .expect("closes");
    let lock = ProcessLock::acquire(&path).expect("locks");
    let mut connection = schema::connect(&path, Durability::Durable)
        .await
        .expect("connects");
    sqlx::raw_sql("PRAGMA max_page_count = 20")
        .execute(&mut connection)
        .await
        .expect("limits");
    let storage = SqliteStorage::start(&path, Durability::Durable, connection, lock);
    storage
        .define(NOTES, Definition::UNINDEXED)
        .await
        .expect("defines");
    storage
        .set(NOTES, "before", "1".into())
        .await
        .expect("fits");
    let mut batch = WriteBatch::default();
    batch.put(NOTES, "small", "1", Vec::new());
    batch.put(
        NOTES,
        "large",
        format!("\"{}\"", "x".repeat(200_000)),
        Vec::new(),
    );
    let full = storage.apply(batch.clone()).await.expect_err("is full");
    assert!(
        full.is_transient() && format!("{full:?}").contains("full"),
        "{full:?}"
    );
    assert_eq!(storage.count(NOTES).await.expect("counts"), 1);
    storage
        .apply(batch)
        .await
        .expect("writes when there is room");
    assert_eq!(storage.count(NOTES).await.expect("counts"), 3);
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let (_directory, path) = directory();
    open(&path)
        .await
        .expect("opens")
        .close()
        .await
        .expect("closes");
    let mut intruder = intruder(&path).await;
    sqlx::raw_sql("PRAGMA user_version = 99")
        .execute(&mut intruder)
        .await
        .expect("marks");
    intruder.close().await.expect("closes");
    let refused = open(&path).await;
    assert!(
        matches!(
            &refused,
            Err(OpenError::Storage(StorageError::TooNew { found: 99, .. }))
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused() {
    let (directory, path) = directory();
    let text = directory.path().join("text.db");
    fs::write(&text, "not a database ".repeat(1000)).expect("writes");
    assert_corrupt(&open(&text).await);

    let foreign = directory.path().join("foreign.db");
    let mut intruder = intruder(&foreign).await;
    sqlx::raw_sql("CREATE TABLE theirs (a)")
        .execute(&mut intruder)
        .await
        .expect("creates");
    intruder.close().await.expect("closes");
    assert_corrupt(&open(&foreign).await);

    open(&path)
        .await
        .expect("opens")
        .close()
        .await
        .expect("closes");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("opens");
    let length = file.metadata().expect("is there").len();
    for page in 1..length / 4096 {
        file.write_all_at(&[0xff; 4096], page * 4096)
            .expect("writes");
    }
    assert_corrupt(&open(&path).await);
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let (_directory, path) = directory();
    let storage = open(&path).await.expect("opens");
    storage.set(NOTES, "a", "1".into()).await.expect("writes");
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().expect("has one")), 0o700);
    for suffix in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(
            mode(&crate::lock::with_suffix(&path, suffix)),
            0o600,
            "{suffix}"
        );
    }
}

#[tokio::test]
async fn a_database_belongs_to_one_storage() {
    let (_directory, path) = directory();
    let storage = open(&path).await.expect("opens");
    let second = open(&path).await.expect_err("is in use");
    assert!(
        second
            .to_string()
            .contains(&format!("process {}", std::process::id())),
        "{second}"
    );
    storage.close().await.expect("closes");
    assert!(matches!(
        storage.set(NOTES, "a", "1".into()).await,
        Err(StorageError::Closed)
    ));
    assert!(matches!(
        storage.get(NOTES, "a").await,
        Err(StorageError::Closed)
    ));
    open(&path).await.expect("opens when the first has closed");
}

/// Every page is read from an index in order: nothing is scanned or sorted.
#[tokio::test]
async fn pages_come_from_indexes() {
    const INDEXES: &[IndexSpec] = &[
        IndexSpec {
            name: "state",
            prefix: 2,
        },
        IndexSpec {
            name: "time",
            prefix: 0,
        },
    ];
    let (_directory, path) = directory();
    let storage = open(&path).await.expect("opens");
    let definition = Definition {
        indexes: INDEXES,
        entries: |_| Ok(vec![None, None]),
    };
    storage
        .define("tests::indexed", definition)
        .await
        .expect("defines");
    let shape = storage.shapes.get("tests::indexed").expect("is defined");
    let prefixes = vec![
        vec!["a".into(), "b".into()],
        vec!["a".into(), "c".into()],
        vec!["d".into(), "c".into()],
    ];
    let cursor = || {
        Some(Cursor {
            sort: 7,
            key: "k".into(),
        })
    };
    for query in [
        Query::by_key(10),
        Query::by_index("time", Vec::new(), 10),
        Query::by_index("state", prefixes.clone().into_iter().take(1).collect(), 10),
        Query {
            from: Some(3),
            until: Some(9),
            ..Query::by_index("state", prefixes, 10)
        },
    ] {
        let queries = [query.clone(), query.clone().after(cursor())];
        for query in queries
            .into_iter()
            .flat_map(|query| [query.clone(), query.descending()])
        {
            let plan = read::Plan::new(&shape, "tests::indexed", &query).expect("plans");
            let explained = plan.explain(&storage.readers).await;
            let is_paged = query.index.is_some() || query.after.is_some();
            assert!(!explained.contains("TEMP B-TREE"), "{query:?}: {explained}");
            assert!(
                !is_paged || !explained.contains("SCAN"),
                "{query:?}: {explained}"
            );
            let bounds = if query.after.is_some() && query.index.is_some() {
                ",key)"
            } else {
                ""
            };
            assert!(
                explained.contains(bounds),
                "the cursor bounds the search: {query:?}: {explained}"
            );
        }
    }
}

impl read::Plan<'_> {
    async fn explain(&self, pool: &SqlitePool) -> String {
        let (statement, arguments) = self.statement(self.prefixes()).expect("has a statement");
        let query = sqlx::query_with(
            AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")),
            arguments,
        );
        let rows = query.fetch_all(pool).await.expect("explains");
        rows.iter()
            .map(|row| row.get::<String, _>(3) + "\n")
            .collect()
    }
}
