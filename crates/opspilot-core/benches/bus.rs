//! What one event costs on its way from a publisher to a consumer, on memory.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opspilot_core::bus::Publication;
use opspilot_core::clock::Timestamp;
use opspilot_core::event::{Event as _, IncidentCreated};
use opspilot_core::incident::{IncidentId, Severity};
use opspilot_core::module::{Category, Manifest};
use opspilot_core::testing::Bench;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

const EVENTS: u64 = 10_000;
const GROUP: u64 = 100;

static MODULE: Manifest = Manifest {
    emits: &["incident.created"],
    ..Manifest::new("detector.bench", Category::Detector, "")
};

fn created(number: u64) -> IncidentCreated {
    let line = format!(
        "2026-02-20T11:58:06.904Z ERROR orders connection {number} timed out after 3000 ms"
    );
    IncidentCreated {
        incident_id: IncidentId::derive(MODULE.id, "timeout", "stream", number),
        title: "Connections time out".into(),
        description: line.clone(),
        severity: Severity::Warning,
        detected_by: MODULE.id.into(),
        source_event: Some("log.ingested".into()),
        detected_at: Timestamp::UNIX_EPOCH,
        occurrences: 1,
        last_seen_at: None,
        auto_resolve_ms: None,
        context: Map::from_iter([
            ("ruleId".to_owned(), json!("timeout")),
            ("matchedLine".to_owned(), json!(line)),
            ("logLineNumber".to_owned(), json!(number)),
        ]),
    }
}

async fn publish_and_consume() {
    let bench = Bench::new().await;
    let cx = bench.context(&MODULE);
    let mut consumer = cx
        .bus
        .consumer("", &[IncidentCreated::TYPE])
        .await
        .expect("memory works");
    let stream: Arc<str> = "stream".into();
    let publish = async {
        for group in 0..EVENTS / GROUP {
            let numbers = group * GROUP..(group + 1) * GROUP;
            let start = Publication::new().from_stream(&stream, numbers.end);
            let all = numbers.fold(start, |all, number| all.event_at(number, created(number)));
            cx.bus.submit(all).await.expect("the bus is open");
        }
    };
    let cancel = CancellationToken::new();
    let mut seen = 0;
    let consume = consumer.run(&cancel, async |_| {
        seen += 1;
        if seen == EVENTS {
            cancel.cancel();
        }
        Ok(())
    });
    let (_, consumed) = tokio::join!(publish, consume);
    consumed.expect("memory works");
}

fn bus(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads");
    let mut group = criterion.benchmark_group("bus");
    group
        .throughput(Throughput::Elements(EVENTS))
        .sample_size(20);
    group.bench_function("publish and consume", |bencher| {
        bencher.iter(|| runtime.block_on(publish_and_consume()));
    });
    group.bench_function("make the events alone", |bencher| {
        bencher.iter(|| {
            (0..EVENTS)
                .map(created)
                .map(|event| event.title.len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, bus);
criterion_main!(benches);
