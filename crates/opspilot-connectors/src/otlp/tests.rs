//! Requests over connections, from the first byte to the acknowledged batch.

mod grpc;
mod real;
mod requests;

use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opspilot_core::bus::LogReceiver;
use opspilot_core::module::{Category, Context, Manifest, Module as _};
use opspilot_core::testing::Bench;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::read::{Encoding, Export, Kind, Request, Rules};
use super::{Config, Otlp};

pub(super) const TOKEN: &str = "a-token-that-is-long-enough";

static MANIFEST: Manifest = Otlp::MANIFEST;
static READER: Manifest = Manifest::new("detector.test", Category::Detector, "");

/// A module at work. Dropping it stops it.
struct Running {
    bench: Bench,
    cx: Context,
    logs: LogReceiver,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Running {
    async fn new(yaml: &str) -> Self {
        let bench = Bench::new().await;
        let logs = bench.context(&READER).bus.logs();
        let cx = bench.context(&MANIFEST);
        let config = config(&format!("httpPort: 0\ngrpcPort: 0\ntoken: {TOKEN}\n{yaml}"));
        let mut module = Otlp::new(config).unwrap();
        module.init(&cx).await.unwrap();
        let details = cx.health.current().details;
        let address = |name: &str| {
            let port = details[name].as_u64().unwrap();
            SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()))
        };
        let (http, grpc) = (address("httpPort"), address("grpcPort"));
        let own = cx.clone();
        #[expect(clippy::disallowed_methods, reason = "the test is the runtime here")]
        tokio::spawn(async move { module.run(&own).await.unwrap() });
        Self {
            bench,
            cx,
            logs,
            http,
            grpc,
        }
    }

    fn count(&self, what: &str) -> String {
        let page = self.bench.metrics.render();
        let line = page.lines().find(|line| line.starts_with(what));
        line.and_then(|line| line.rsplit(' ').next())
            .unwrap_or("none")
            .to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cx.cancel.cancel();
    }
}

fn config(yaml: &str) -> Config {
    serde_saphyr::from_str(yaml).unwrap()
}

fn text(text: &str) -> Option<AnyValue> {
    let value = Some(Any::StringValue(text.to_owned()));
    Some(AnyValue { value })
}

fn pair(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: text(value),
        key_strindex: 0,
    }
}

/// One resource with `records`.
fn logs(records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs {
        log_records: records,
        ..ScopeLogs::default()
    }];
    let resource = Some(Resource {
        attributes: vec![pair("service.name", "shop"), pair("zone", "z1")],
        ..Resource::default()
    });
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource,
            scope_logs,
            ..ResourceLogs::default()
        }],
    }
}

fn record(body: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: 1_771_588_800_123_456_789,
        severity_number: 17,
        severity_text: "ERROR".to_owned(),
        body: text(body),
        attributes: vec![pair("zone", "z2")],
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        ..LogRecord::default()
    }
}

fn read(kind: Kind, encoding: Encoding, bytes: Vec<u8>) -> Result<Export, String> {
    let request = Request {
        kind,
        encoding,
        is_compressed: false,
        bytes,
    };
    let rules = Rules {
        decoded_limit: 1 << 20,
        slow_span_ms: Some(2_000),
    };
    request.read(rules).map_err(|error| error.to_string())
}

fn json(kind: Kind, body: &Value) -> Export {
    read(kind, Encoding::Json, body.to_string().into_bytes()).unwrap()
}

#[test]
fn log_records_keep_what_is_known_of_them_in_both_encodings() {
    let request = logs(vec![record("a line")]);
    let by_json = serde_json::to_vec(&request).unwrap();
    for (encoding, bytes) in [
        (Encoding::Protobuf, request.encode_to_vec()),
        (Encoding::Json, by_json),
    ] {
        let export = read(Kind::Logs, encoding, bytes).unwrap();
        let [group] = export.groups.as_slice() else {
            panic!("{export:?}")
        };
        assert_eq!(
            (group.source.as_str(), group.records[0].text.as_str()),
            ("shop", "a line")
        );
        let expected = json!({
            "service": "shop", "service.name": "shop", "zone": "z2", "severity": "error",
            "opsSeverity": "critical", "traceId": "ab".repeat(16), "spanId": "cd".repeat(8),
            "originalTimestamp": "2026-02-20T12:00:00.123Z",
        });
        assert_eq!(Value::Object(group.records[0].facts()), expected);
    }
}

#[test]
fn severities_come_from_the_number_and_otherwise_from_the_word() {
    for (number, word, expected) in [
        (1, "", json!("info")),
        (12, "ERROR", json!("info")),
        (13, "", json!("warning")),
        (24, "", json!("critical")),
        (0, "Warn", json!("warning")),
        (0, "FATAL", json!("critical")),
        (0, "odd", Value::Null),
        (-5, "", Value::Null),
    ] {
        let record = LogRecord {
            severity_number: number,
            severity_text: word.to_owned(),
            ..record("x")
        };
        let export = read(
            Kind::Logs,
            Encoding::Protobuf,
            logs(vec![record]).encode_to_vec(),
        );
        let facts = export.unwrap().groups[0].records[0].facts();
        assert_eq!(
            facts.get("opsSeverity").cloned().unwrap_or_default(),
            expected,
            "{number} {word}"
        );
    }
}

#[test]
fn metrics_become_samples() {
    let point = json!({"timeUnixNano": "1", "attributes": [{"key": "disk", "value": {"stringValue": "sda"}}]});
    let with = |more: Value| {
        let mut point = point.clone();
        point
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": true})
    };
    let histogram = json!({"count": "10", "sum": 100.0, "bucketCounts": ["5", "5", "0"], "explicitBounds": [10.0, 20.0], "max": 19.0});
    let summary =
        json!({"count": "4", "sum": 8.0, "quantileValues": [{"quantile": 0.9, "value": 3.5}]});
    let body = json!({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeMetrics": [{"metrics": [
            {"name": "used", "unit": "By", "gauge": with(json!({"asDouble": 1.5}))},
            {"name": "orders", "unit": "1", "sum": with(json!({"asInt": "7"}))},
            {"name": "none", "gauge": with(json!({"asDouble": 1.0, "flags": 1}))},
            {"name": "latency", "unit": "ms", "histogram": with(histogram)},
            {"name": "old", "unit": "s", "summary": with(summary)},
        ]}],
    }]});
    let export = json(Kind::Metrics, &body);
    let samples: Vec<_> = export.groups[0]
        .samples
        .iter()
        .map(|sample| format!("{} {} {}", sample.name, sample.value, sample.unit))
        .collect();
    let expected = [
        "used 1.5 By",
        "orders 7 1",
        "latency_count 10 1",
        "latency_max 19 ms",
        "latency_sum 100 ms",
        "latency_p50 10 ms",
        "latency_p95 19 ms",
        "latency_p99 19.8 ms",
        "old_count 4 1",
        "old_sum 8 s",
        "old_p90 3.5 s",
    ];
    assert_eq!(samples, expected);
    let facts = Value::Object(export.groups[0].samples[1].attributes.clone());
    assert_eq!(
        facts,
        json!({"service": "shop", "disk": "sda", "temporality": "cumulative"})
    );
}

#[test]
fn spans_that_failed_or_were_slow_become_records() {
    let span = |name: &str, millis: u64, more: Value| {
        let mut span = json!({"traceId": "0102", "spanId": "03", "name": name, "startTimeUnixNano": "1000000",
            "endTimeUnixNano": ((1 + millis) * 1_000_000).to_string()});
        span.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        span
    };
    let exception = json!({"name": "exception", "attributes": [{"key": "exception.message", "value": {"stringValue": "boom"}}]});
    let body = json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": [
            span("fine", 10, json!({"status": {"code": 1}})),
            span("bad", 20, json!({"status": {"code": 2, "message": "no cart"}})),
            span("worse", 30, json!({"status": {"code": 2}, "events": [exception]})),
            span("slow", 2_000, json!({})),
        ]}],
    }]});
    let export = json(Kind::Traces, &body);
    let lines: Vec<_> = export.groups[0]
        .records
        .iter()
        .map(|record| record.text.as_str())
        .collect();
    let expected = [
        "[SPAN] [ERROR] shop bad: no cart (20 ms)",
        "[SPAN] [ERROR] shop worse: boom (30 ms)",
        "[SPAN] [SLOW] shop slow (2000 ms)",
    ];
    assert_eq!((lines, export.spans), (expected.to_vec(), 4));
    let facts = export.groups[0].records[0].facts();
    assert_eq!(
        (&facts["durationMs"], &facts["traceId"]),
        (&json!(20), &json!("0102"))
    );
}

#[test]
fn what_is_too_much_is_rejected_and_the_rest_is_taken() {
    let request = logs(vec![LogRecord::default(); 60_000]);
    let export = read(Kind::Logs, Encoding::Protobuf, request.encode_to_vec()).unwrap();
    assert_eq!(export.groups[0].records.len(), 50_000);
    assert_eq!(export.rejected, 10_000);
    assert!(export.complaint().unwrap().contains("50000"));
}

#[test]
fn values_within_values_are_bounded() {
    let mut value = text("deep").unwrap();
    for _ in 0..40 {
        let values = vec![value];
        let inner = Some(Any::ArrayValue(ArrayValue { values }));
        value = AnyValue { value: inner };
    }
    let body = Some(value);
    let record = LogRecord {
        body,
        ..LogRecord::default()
    };
    let export = read(
        Kind::Logs,
        Encoding::Protobuf,
        logs(vec![record]).encode_to_vec(),
    );
    let line = export.unwrap().groups[0].records[0].text.clone();
    assert!(line.contains('…') && !line.contains("deep"), "{line}");
}

#[test]
fn options_that_are_wrong_are_named() {
    let error = |yaml: &str| Otlp::new(config(yaml)).unwrap_err().to_string();
    let wide = error("host: '::'");
    assert!(
        wide.contains("127.0.0.1") && wide.contains("`token`"),
        "{wide}"
    );
    assert!(Otlp::new(config(&format!("{{ host: '::', token: {TOKEN} }}"))).is_ok());
    let all = error(
        "{ host: x, protocols: [], token: short-hidden, slowSpanMs: 0, maxBodyBytes: 1, timeoutMs: 1 }",
    );
    for key in [
        "host",
        "protocols",
        "token",
        "slowSpanMs",
        "maxBodyBytes",
        "timeoutMs",
    ] {
        assert!(all.contains(&format!("{key}: ")), "{key} {all}");
    }
    assert!(!all.contains("hidden"), "{all}");
    let shown = format!(
        "{:?}",
        Otlp::new(config(&format!("token: {TOKEN}"))).unwrap()
    );
    assert!(!shown.contains(TOKEN), "{shown}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), packed in any::<bool>()) {
        for kind in [Kind::Logs, Kind::Metrics, Kind::Traces] {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let request = Request { kind, encoding, is_compressed: packed, bytes: bytes.clone() };
                let rules = Rules { decoded_limit: 1 << 16, slow_span_ms: Some(1) };
                drop(request.read(rules));
            }
        }
    }

    #[test]
    fn damaged_messages_are_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = logs(vec![record("a line"), record("another")]).encode_to_vec();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        drop(read(Kind::Logs, Encoding::Protobuf, bytes.clone()));
        drop(read(Kind::Metrics, Encoding::Protobuf, bytes));
    }
}
