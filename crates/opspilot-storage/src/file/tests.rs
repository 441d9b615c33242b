use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use opspilot_core::storage::conformance::{self, Subject};
use opspilot_core::storage::{SharedStorage, Tables};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

struct Directory {
    directory: TempDir,
    opened: Mutex<usize>,
}

impl Directory {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("makes a directory"),
            opened: Mutex::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory
            .path()
            .join(self.opened.lock().expect("no panic").to_string())
    }

    async fn open(&self) -> SharedStorage {
        Arc::new(
            FileStorage::open(&self.path(), Durability::Durable)
                .await
                .expect("opens"),
        )
    }
}

#[async_trait]
impl Subject for Directory {
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
async fn file_passes_the_conformance_suite() {
    conformance::check(&Directory::new()).await;
}

#[tokio::test]
async fn users_on_file_pass_the_suite() {
    opspilot_core::safety::credentials::conformance::check(&Directory::new()).await;
}

const NOTES: &str = "tests::notes";

/// A log of several groups, and the state after each of them with the length the log had then.
async fn history(directory: &Path) -> (Vec<u8>, Vec<(usize, State)>) {
    let path = directory.join(FILE);
    let storage = FileStorage::open(directory, Durability::Fast)
        .await
        .expect("opens");
    storage
        .define(NOTES, Definition::UNINDEXED)
        .await
        .expect("defines");
    let snapshot = || {
        let bytes = fs::read(&path).expect("reads");
        (bytes.len(), state(&storage.tables))
    };
    let mut states = vec![snapshot()];
    for number in 0..6 {
        let mut batch = WriteBatch::default();
        batch.put(
            NOTES,
            format!("{number}"),
            format!("{{\"number\":{number}}}"),
            Vec::new(),
        );
        batch.put(NOTES, "same", format!("[{number}]"), Vec::new());
        if number == 4 {
            batch.delete_range(NOTES, "1", Some("3".into()));
        }
        storage.apply(batch).await.expect("writes");
        states.push(snapshot());
    }
    storage.close().await.expect("closes");
    (fs::read(&path).expect("reads"), states)
}

type State = Vec<(String, String, u64, String)>;

fn state_of(tables: &Tables) -> State {
    let owned = |(collection, key, version, json): (&str, &str, u64, &str)| {
        (
            collection.to_owned(),
            key.to_owned(),
            version,
            json.to_owned(),
        )
    };
    tables.documents().map(owned).collect()
}

fn state(tables: &Shared) -> State {
    read(tables, |tables| Ok(state_of(tables))).expect("is open")
}

fn reopen(bytes: &[u8]) -> Result<State, StorageError> {
    let directory = tempfile::tempdir().expect("makes a directory");
    let path = directory.path().join(FILE);
    fs::write(&path, bytes).expect("writes");
    let (log, tables) = Log::open(&path, Durability::Fast)?;
    assert_eq!(
        fs::metadata(&path).expect("is there").len(),
        log.length,
        "nothing is left behind the records"
    );
    let (_, again) = Log::open(&path, Durability::Fast)?;
    assert_eq!(
        state_of(&tables),
        state_of(&again),
        "what was cut stays cut"
    );
    Ok(state_of(&tables))
}

fn history_blocking() -> (Vec<u8>, Vec<(usize, State)>) {
    let directory = tempfile::tempdir().expect("makes a directory");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("starts");
    runtime.block_on(history(directory.path()))
}

#[test]
fn a_log_cut_anywhere_has_every_whole_write() {
    let (bytes, states) = history_blocking();
    assert_eq!(states.last().map(|(length, _)| *length), Some(bytes.len()));
    for length in 0..=bytes.len() {
        let (_, expected) = states
            .iter()
            .rev()
            .find(|(whole, _)| *whole <= length)
            .unwrap_or(&states[0]);
        let found =
            reopen(&bytes[..length]).unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        assert_eq!(&found, expected, "cut at {length}");
    }
}

#[test]
fn a_torn_write_may_leave_zeros() {
    let (bytes, states) = history_blocking();
    let (length, expected) = &states[states.len() - 2];
    let mut torn = bytes[..*length].to_vec();
    torn.resize(bytes.len() + 100, 0);
    assert_eq!(&reopen(&torn).expect("opens"), expected);
}

#[test]
fn a_flipped_bit_is_never_taken_for_data() {
    let (bytes, states) = history_blocking();
    let last_record = states[states.len() - 2].0;
    for position in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[position] ^= 1 << (position % 8);
        match reopen(&flipped) {
            Err(StorageError::Corrupt { detail, .. }) => {
                assert!(
                    position < last_record && detail.contains("backup"),
                    "{position}: {detail}"
                );
            }
            Err(error) => panic!("{position}: {error}"),
            Ok(found) => {
                assert!(position >= last_record, "{position} was not noticed");
                assert_eq!(found, states[states.len() - 2].1, "{position}");
            }
        }
    }
}

#[test]
fn a_newer_or_foreign_file_is_refused() {
    let newer = reopen(&format::header(format::VERSION + 1));
    assert!(
        matches!(
            newer,
            Err(StorageError::TooNew {
                found: 2,
                known: 1,
                ..
            })
        ),
        "{newer:?}"
    );
    for foreign in [&b"SQLite format 3\0 and more"[..], b"x", &[0; 64]] {
        let refused = reopen(foreign);
        assert!(
            matches!(refused, Err(StorageError::Corrupt { .. })),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_log_of_old_writes_is_compacted() {
    let directory = tempfile::tempdir().expect("makes a directory");
    let storage = FileStorage::open(directory.path(), Durability::Fast)
        .await
        .expect("opens");
    storage
        .define(NOTES, Definition::UNINDEXED)
        .await
        .expect("defines");
    let json = format!("\"{}\"", "x".repeat(100_000));
    for _ in 0..200 {
        storage.set(NOTES, "a", json.clone()).await.expect("writes");
    }
    storage.close().await.expect("closes");
    let length = fs::metadata(directory.path().join(FILE))
        .expect("is there")
        .len();
    assert!(length < 6_000_000, "{length} bytes for 100 kB of data");
    let storage = FileStorage::open(directory.path(), Durability::Fast)
        .await
        .expect("opens");
    storage
        .define(NOTES, Definition::UNINDEXED)
        .await
        .expect("defines");
    let found = storage
        .get(NOTES, "a")
        .await
        .expect("reads")
        .expect("is stored");
    assert_eq!((found.version, found.json), (200, json.into()));
}

#[tokio::test]
async fn a_failed_write_leaves_the_log_usable() {
    let directory = tempfile::tempdir().expect("makes a directory");
    let path = directory.path().join(FILE);
    let (mut log, mut tables) = Log::open(&path, Durability::Durable).expect("opens");
    let write = |number: u32| opspilot_core::storage::Write::Put {
        collection: NOTES.into(),
        key: number.to_string(),
        json: "1".into(),
        index: Vec::new(),
        expect: opspilot_core::storage::Expect::Any,
    };
    for number in 0..3 {
        let write = write(number);
        let record = format::record([format::Entry::from(&write)].into_iter()).expect("fits");
        if number == 1 {
            log.fails_next = true;
            log.append(&record, &tables).expect_err("fails");
        } else {
            log.append(&record, &tables).expect("writes");
            tables.replay(write);
        }
    }
    drop(log);
    let (_, reopened) = Log::open(&path, Durability::Durable).expect("opens");
    assert_eq!(state_of(&reopened), state_of(&tables));
    assert_eq!(state_of(&tables).len(), 2);
}

#[tokio::test]
async fn a_directory_belongs_to_one_storage() {
    let directory = tempfile::tempdir().expect("makes a directory");
    let storage = FileStorage::open(directory.path(), Durability::Fast)
        .await
        .expect("opens");
    let second = FileStorage::open(directory.path(), Durability::Fast)
        .await
        .expect_err("is in use");
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
    FileStorage::open(directory.path(), Durability::Fast)
        .await
        .expect("opens when the first has closed");
}

proptest! {
    #[test]
    fn records_round_trip(texts in prop::collection::vec((".*", ".*", ".*", any::<Option<u64>>()), 1..5)) {
        let entries = || texts.iter().map(|(collection, key, json, version)| format::Entry::Put {
            collection: collection.into(), key: key.into(), json: json.into(), version: *version,
        });
        let bytes = format::record(entries()).expect("fits");
        let format::Found::Record { payload, rest } = format::next(&bytes) else { panic!("no record") };
        prop_assert!(rest.is_empty());
        let found: Vec<format::Entry<'_>> = serde_json::from_slice(payload).expect("is JSON");
        prop_assert_eq!(format!("{found:?}"), format!("{:?}", entries().collect::<Vec<_>>()));
    }
}
