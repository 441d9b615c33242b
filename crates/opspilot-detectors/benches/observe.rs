//! How fast `detector.regex` looks at lines, and what an incident costs.
//!
//! `lines/N`: N rules over a mixture of access, JSON and syslog lines of about 160 bytes, of which none matches, so that
//! only looking is measured. `created`: every line becomes an incident.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Ack, LogBatch, LogBatchBuilder, LogSource};
use opspilot_detectors::regex::Regex;
use opspilot_detectors::{Detector, DetectorModule};
use serde_json::{Map, json};

const LINES: usize = 1_600;

fn line(index: usize) -> String {
    let (a, b) = (index * 7_919 % 251, index * 104_729 % 65_521);
    match index % 4 {
        0 | 1 => format!(
            "10.0.{a}.7 - - [20/Feb/2026:12:00:00 +0000] \"GET /api/v1/orders/{b}?page={a} HTTP/1.1\" 200 {b} \
             \"https://shop.example/cart\" \"Mozilla/5.0 (X11; Linux x86_64)\" 0.0{a}"
        ),
        2 => format!(
            "{{\"time\":\"2026-02-20T12:00:00.{a}Z\",\"level\":\"info\",\"service\":\"orders\",\"msg\":\"request done\",\
             \"status\":200,\"error\":null,\"trace\":\"4bf92f3577b34da6{b:08x}\",\"duration_ms\":{a}}}"
        ),
        _ => format!(
            "Feb 20 12:00:00 node-{a} systemd[1]: Started Session {b} of user deploy; memory limit 512M, timeout 90s, \
             previous exit status 0, unit session-{b}.scope, slice user.slice"
        ),
    }
}

fn batch(lines: impl Iterator<Item = String>) -> LogBatch {
    let name = || "bench".into();
    let source = LogSource {
        module: name(),
        name: name(),
        stream: name(),
        attributes: Map::new(),
    };
    let (mut buffer, mut ranges) = (Vec::new(), Vec::new());
    for line in lines {
        ranges.push(buffer.len()..buffer.len() + line.len());
        buffer.extend_from_slice(line.as_bytes());
        buffer.push(b'\n');
    }
    let end = buffer.len() as u64;
    let mut builder = LogBatchBuilder::new(Arc::new(source), buffer, (0, 1), Timestamp::UNIX_EPOCH);
    for range in ranges {
        builder.record(range.clone(), range.start);
    }
    builder.build(end, Ack::ignored())
}

/// Rules of the shapes that operators write: a phrase, a choice, a number behind a word, a short word.
fn pattern(index: usize) -> String {
    match index % 8 {
        0 => format!("subsystem {index:02} reported a failure: [a-z]+"),
        1 => format!("(fault|failure) of unit {index:02} after [0-9]+ ?ms"),
        2 => format!("HTTP/[12]\\.[01]\" 5{index:02} [0-9]+"),
        3 => format!("code=E{index:03}[0-9]{{2,}}"),
        4 => format!("^panic: .*{index}"),
        5 => format!("Kill(ed)? process [0-9]+ \\({index}"),
        6 => format!("\\bFATAL{index}\\b"),
        _ => format!("[Dd]eadlock (detected|found) on table t{index}"),
    }
}

fn detector(patterns: impl Iterator<Item = String>) -> Regex {
    let rule = |(index, pattern): (usize, String)| json!({ "id": index.to_string(), "pattern": pattern, "severity": "warning", "title": "Found", "cooldownMs": 0 });
    let rules: Vec<_> = patterns.enumerate().map(rule).collect();
    let config = serde_json::from_value(json!({ "rules": rules, "maxIncidentsPerMinute": 0 }));
    Regex::new(&config.expect("the options are complete")).expect("the patterns compile")
}

fn observe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("observe");
    group.throughput(Throughput::Elements(LINES as u64));
    let quiet = batch((0..LINES).map(line));
    for rules in [1, 10, 100] {
        let mut detector = detector((0..rules).map(pattern));
        let mut out = Vec::new();
        group.bench_function(format!("lines/{rules}"), |bencher| {
            bencher.iter(|| {
                detector.observe(Timestamp::UNIX_EPOCH, black_box(&quiet), &mut out);
                assert!(out.is_empty(), "no line matches");
            });
        });
    }
    let mut detector = detector(std::iter::once(
        "request ([0-9]+) of ([a-z]+) failed".to_owned(),
    ));
    let loud =
        batch((0..LINES).map(|index| format!("{} request {index} of orders failed", line(index))));
    let mut out = Vec::new();
    group.bench_function("created", |bencher| {
        bencher.iter(|| {
            out.clear();
            detector.observe(Timestamp::UNIX_EPOCH, black_box(&loud), &mut out);
            assert!(out.len() == LINES, "every line matches");
        });
    });
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);
