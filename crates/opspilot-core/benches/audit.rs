//! What an audit entry costs, and how long it takes to prove a million of them.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::SystemClock;
use opspilot_core::safety::audit::verify::{Trust, verify};
use opspilot_core::safety::audit::{Audit, Record};
use opspilot_core::storage::{
    Definition, Document, MemoryStorage, Page, Query, Storage, StorageError, Write, WriteBatch,
};
use opspilot_core::testing::Bench;
use tokio::runtime::Runtime;

const WRITERS: u64 = 100;
const EACH: u64 = 20;
const ENTRIES: u64 = 1_000_000;
const GROUP: u64 = 1_000;

const ROWS: &str = "system::audit";

fn record(number: u64) -> Record {
    Record::new("incident.acknowledged", "ann@example.org")
        .target(format!("0193f2a4-7a00-7000-8000-{number:012}"))
        .detail("from", "open")
        .detail("to", "acknowledged")
        .detail("reason", "looking into the connection pool")
}

/// Memory that keeps the rows of the log as a plain list: a million of them, without indexes that nobody reads.
#[derive(Debug, Default)]
struct Spool {
    rest: MemoryStorage,
    rows: Mutex<Vec<Document>>,
}

#[async_trait]
impl Storage for Spool {
    fn engine(&self) -> &'static str {
        "spool"
    }

    async fn define(&self, collection: &str, definition: Definition) -> Result<(), StorageError> {
        self.rest.define(collection, definition).await
    }

    async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StorageError> {
        self.rest.get(collection, key).await
    }

    async fn query(&self, collection: &str, query: &Query) -> Result<Page, StorageError> {
        if collection != ROWS {
            return self.rest.query(collection, query).await;
        }
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let after = query.after.as_ref().map_or("", |after| &after.key);
        let start = rows.partition_point(|row| row.key.as_str() <= after);
        let found = rows.iter().skip(start).map(|row| (0, row.clone()));
        Ok(Page::fill(query.limit, found))
    }

    async fn count(&self, collection: &str) -> Result<u64, StorageError> {
        self.rest.count(collection).await
    }

    async fn apply(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut rest = WriteBatch::default();
        let mut rows = Vec::new();
        for write in batch.into_writes() {
            match write {
                Write::Put {
                    collection,
                    key,
                    json,
                    ..
                } if collection == ROWS => rows.push(Document {
                    key,
                    version: 1,
                    json,
                }),
                other => rest.push(other),
            }
        }
        self.rest.apply(rest).await?;
        let mut all = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(rows);
        Ok(())
    }
}

struct Group(Audit, u64);

#[async_trait]
impl Work for Group {
    type Output = Result<(), StorageError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        for number in 0..GROUP {
            self.0.append_in(tx, record(self.1 + number)).await?;
        }
        Ok(())
    }
}

/// Writes an export with [`ENTRIES`] entries to `file`.
async fn export(file: &File) {
    let bench = Bench::on(Arc::new(Spool::default()), SystemClock::shared()).await;
    for group in 0..ENTRIES / GROUP {
        let work = Group(bench.audit.clone(), group * GROUP);
        let stored = bench.bus.transact("bench", work).await;
        stored.expect("the bus is open").expect("memory works");
    }
    let mut file = BufWriter::new(file);
    let sink = |piece: &str| -> Result<(), StorageError> {
        file.write_all(piece.as_bytes()).expect("there is room");
        Ok(())
    };
    let exported = bench.audit.export(sink).await.expect("memory works");
    assert_eq!(exported.entries, ENTRIES);
    file.flush().expect("there is room");
}

async fn write(audit: &Audit) {
    let writer = async |writer: u64| {
        for number in 0..EACH {
            let stored = audit.append(record(writer * EACH + number)).await;
            stored.expect("memory works");
        }
    };
    join_all((0..WRITERS).map(writer)).await;
}

fn append(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("audit append");
    group
        .throughput(Throughput::Elements(WRITERS * EACH))
        .sample_size(20);
    group.bench_function("100 writers on memory", |bencher| {
        bencher.iter_batched(
            || runtime.block_on(Bench::new()),
            |bench| runtime.block_on(write(&bench.audit)),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn prove(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("export.jsonl");
    runtime.block_on(export(&File::create(&path).expect("a file")));
    let mut group = criterion.benchmark_group("audit verify");
    group
        .throughput(Throughput::Elements(ENTRIES))
        .sample_size(10);
    group.bench_function("an export of 1,000,000 entries", |bencher| {
        bencher.iter(|| {
            let file = BufReader::with_capacity(1 << 18, File::open(&path).expect("a file"));
            verify(file, Trust::default()).expect("it is whole").last
        });
    });
    group.finish();
}

fn audit(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads");
    append(criterion, &runtime);
    prove(criterion, &runtime);
}

criterion_group!(benches, audit);
criterion_main!(benches);
