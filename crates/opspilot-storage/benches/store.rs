//! How many incident-like documents an engine takes, and what one insert costs among many.
//!
//! `cargo bench -p opspilot-storage`; with `OPSPILOT_BENCH_LARGE=1` also inserts among 1,000,000 documents.
//! Files go to the directory for temporary files: point `TMPDIR` at the disk of interest.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use opspilot_core::config::{Durability, Storage, StorageEngine, StorageOptions};
use opspilot_core::storage::{Definition, IndexEntry, IndexSpec, Query, SharedStorage, WriteBatch};
use opspilot_storage::open;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const INCIDENTS: &str = "bench::incidents";
const DEFINITION: Definition = Definition {
    indexes: &[IndexSpec {
        name: "recent",
        prefix: 2,
    }],
    entries: |json| serde_json::from_str::<serde_json::Value>(json).map(|_| vec![None]),
};
const STATES: [&str; 4] = ["open", "acknowledged", "resolved", "closed"];
const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

/// How many write at the same time where several do.
const WRITERS: u64 = 8;

/// How the keys of documents written one after another lie.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Anywhere, like those of incidents.
    Digest,
    /// One behind the other, like those of the journal.
    Sequence,
}

/// An engine in a directory of its own.
struct Bench {
    keys: Keys,
    storage: SharedStorage,
    stored: u64,
    _directory: TempDir,
}

impl Bench {
    async fn open(engine: StorageEngine, keys: Keys) -> Self {
        let directory = tempfile::tempdir().expect("makes a directory");
        let section = Storage {
            engine,
            durability: Durability::Durable,
            options: StorageOptions {
                db_path: directory.path().join("bench.db"),
                data_dir: directory.path().join("data"),
            },
        };
        let storage = open(&section).await.expect("opens");
        storage
            .define(INCIDENTS, DEFINITION)
            .await
            .expect("defines");
        Self {
            keys,
            storage,
            stored: 0,
            _directory: directory,
        }
    }

    fn batch(&mut self, rows: u64) -> WriteBatch {
        let mut batch = WriteBatch::default();
        for number in self.stored..self.stored + rows {
            put(&mut batch, number, self.keys);
        }
        self.stored += rows;
        batch
    }

    /// The time that `groups` batches of `rows` rows take, without the time to make them.
    async fn write(&mut self, groups: u64, rows: u64) -> Duration {
        let mut taken = Duration::ZERO;
        for _ in 0..groups {
            let batch = self.batch(rows);
            let start = Instant::now();
            self.storage.apply(batch).await.expect("writes");
            taken += start.elapsed();
        }
        taken
    }

    /// The time that `groups` batches of `rows` rows take when [`WRITERS`] write at the same time.
    async fn write_together(&mut self, groups: u64, rows: u64) -> Duration {
        let mut taken = Duration::ZERO;
        let rounds = groups.div_ceil(WRITERS);
        for _ in 0..rounds {
            let batches: Vec<_> = (0..WRITERS).map(|_| self.batch(rows)).collect();
            let start = Instant::now();
            let writes = batches.into_iter().map(|batch| self.storage.apply(batch));
            join_all(writes)
                .await
                .into_iter()
                .for_each(|written| written.expect("writes"));
            taken += start.elapsed();
        }
        taken.mul_f64(groups as f64 / (rounds * WRITERS) as f64)
    }
}

fn pick<'a>(values: &[&'a str], number: u64) -> &'a str {
    values[usize::try_from(number % values.len() as u64).expect("smaller than a length")]
}

/// A document of about 600 bytes.
fn put(batch: &mut WriteBatch, number: u64, keys: Keys) {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = match keys {
        Keys::Digest => format!("{mixed:016x}{number:016x}"),
        Keys::Sequence => format!("{number:016x}{mixed:016x}"),
    };
    let (state, severity) = (pick(&STATES, number), pick(&SEVERITIES, mixed >> 32));
    let line = "connection to database lost: timeout after 30000 ms while waiting for a connection from the pool";
    let json = format!(
        r#"{{"id":"{key}","state":"{state}","severity":"{severity}","title":"database connection lost","ruleId":"db-timeout","source":"/var/log/app/server.log","time":{number},"evidence":[{{"line":"{line}","offset":{number}}},{{"line":"{line}","offset":{number}}}],"labels":{{"host":"web-{number}","service":"checkout","region":"eu-central-1"}},"count":1,"correlationId":"{mixed:032x}"}}"#
    );
    let entry = IndexEntry {
        prefix: vec![state.into(), severity.into()],
        sort: number.cast_signed(),
    };
    batch.put(INCIDENTS, key, json, vec![Some(entry)]);
}

fn throughput(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("starts");
    let mut group = criterion.benchmark_group("rows");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(4))
        .warm_up_time(Duration::from_secs(1));
    let engines = [
        (StorageEngine::Sqlite, Keys::Digest),
        (StorageEngine::Sqlite, Keys::Sequence),
        (StorageEngine::File, Keys::Digest),
        (StorageEngine::Memory, Keys::Digest),
    ];
    for (engine, keys) in engines {
        for rows in [100, 1000] {
            let mut bench = runtime.block_on(Bench::open(engine, keys));
            group.throughput(Throughput::Elements(rows));
            group.bench_function(
                BenchmarkId::new(format!("{engine:?} {keys:?}"), rows),
                |bencher| {
                    bencher.iter_custom(|groups| runtime.block_on(bench.write(groups, rows)));
                },
            );
            runtime.block_on(bench.storage.close()).expect("closes");
        }
    }
    group.finish();
}

/// Several modules write at once, and their groups share what reaching the disk costs.
fn together(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("starts");
    let mut group = criterion.benchmark_group("rows of eight writers");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(4))
        .warm_up_time(Duration::from_secs(1));
    for keys in [Keys::Digest, Keys::Sequence] {
        let mut bench = runtime.block_on(Bench::open(StorageEngine::Sqlite, keys));
        group.throughput(Throughput::Elements(100));
        group.bench_function(
            BenchmarkId::new(format!("Sqlite {keys:?}"), 100),
            |bencher| {
                bencher.iter_custom(|groups| runtime.block_on(bench.write_together(groups, 100)));
            },
        );
        runtime.block_on(bench.storage.close()).expect("closes");
    }
    group.finish();
}

fn among_many(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("starts");
    let mut group = criterion.benchmark_group("among");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(5))
        .warm_up_time(Duration::from_secs(1));
    let is_large = std::env::var_os("OPSPILOT_BENCH_LARGE").is_some();
    for stored in [100, 1_000_000]
        .into_iter()
        .take(if is_large { 2 } else { 1 })
    {
        let mut bench = runtime.block_on(Bench::open(StorageEngine::Sqlite, Keys::Digest));
        runtime.block_on(bench.write(stored / 100, 100));
        group.bench_function(BenchmarkId::new("insert", stored), |bencher| {
            bencher.iter_custom(|count| runtime.block_on(bench.write(count, 1)));
        });
        let prefixes: Vec<_> = STATES
            .iter()
            .map(|state| vec![(*state).into(), "high".into()])
            .collect();
        group.bench_function(BenchmarkId::new("page of 50", stored), |bencher| {
            let query = Query::by_index("recent", prefixes.clone(), 50).descending();
            bencher.iter(|| {
                let page = runtime.block_on(bench.storage.query(INCIDENTS, &query));
                black_box(page.expect("reads").documents.len())
            });
        });
        runtime.block_on(bench.storage.close()).expect("closes");
    }
    group.finish();
}

criterion_group!(benches, throughput, together, among_many);
criterion_main!(benches);
