//! Any bytes as requests of OpenTelemetry exporters.

use opspilot_core::testing::fuzz::Target;

use super::read::{Encoding, Kind, Request, Rules};

/// Protobuf; the first byte says of which kind, and whether it is compressed.
pub(crate) const PROTOBUF: Target = Target {
    name: "otlp_protobuf",
    seeds: &[
        // One resource, scope and log record: body `hi`, severity 17.
        b"\x00\x0a\x0e\x12\x0c\x12\x0a\x10\x11\x2a\x04\x0a\x02hi\x30\x01",
        // A gauge `a` with one point.
        b"\x01\x0a\x1a\x12\x18\x12\x16\x0a\x01a\x2a\x11\x0a\x0f\x19\x01\0\0\0\0\0\0\0\x21\0\0\0\0\0\0\xf0\x3f",
        // A failed span `s`.
        b"\x02\x0a\x0d\x12\x0b\x12\x09\x2a\x01s\x7a\x04\x18\x02\x12\x00",
        b"\x04\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0",
    ],
    run: protobuf,
};

/// JSON; the first byte says of which kind.
pub(crate) const JSON: Target = Target {
    name: "otlp_json",
    seeds: &[
        b"0{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"s\"}}]},\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"1771588800123456789\",\"severityNumber\":17,\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"body\":{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{\"doubleValue\":1.5},{\"boolValue\":true},{\"bytesValue\":\"AA==\"}]}}}]}}}]}]}]}",
        b"1{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"l\",\"unit\":\"ms\",\"histogram\":{\"aggregationTemporality\":2,\"dataPoints\":[{\"count\":\"3\",\"sum\":9.5,\"min\":1,\"max\":5,\"bucketCounts\":[\"1\",\"2\",\"0\"],\"explicitBounds\":[2,4],\"timeUnixNano\":\"1\"}]}},{\"name\":\"o\",\"sum\":{\"isMonotonic\":true,\"dataPoints\":[{\"asInt\":\"7\"}]}},{\"name\":\"e\",\"exponentialHistogram\":{\"dataPoints\":[{\"count\":\"2\",\"scale\":1,\"positive\":{\"offset\":1,\"bucketCounts\":[\"2\"]}}]}}]}]}]}",
        b"2{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"s\",\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"18446744073709551615\",\"status\":{\"code\":2},\"events\":[{\"name\":\"exception\",\"attributes\":[{\"key\":\"exception.message\",\"value\":{\"stringValue\":\"x\"}}]}]}]}]}]}",
    ],
    run: json,
};

fn protobuf(bytes: &[u8]) {
    read(bytes, Encoding::Protobuf);
}

fn json(bytes: &[u8]) {
    read(bytes, Encoding::Json);
}

fn read(bytes: &[u8], encoding: Encoding) {
    let Some((way, bytes)) = bytes.split_first() else {
        return;
    };
    let kind = match way & 3 {
        0 => Kind::Logs,
        1 => Kind::Metrics,
        _ => Kind::Traces,
    };
    let request = Request {
        kind,
        encoding,
        is_compressed: way & 4 != 0 && encoding == Encoding::Protobuf,
        bytes: bytes.to_vec(),
    };
    let rules = Rules {
        decoded_limit: 1 << 16,
        slow_span_ms: Some(1),
    };
    let Ok(export) = request.read(rules) else {
        return;
    };
    for group in &export.groups {
        for sample in &group.samples {
            assert!(sample.value.is_finite(), "{sample:?}");
        }
        for record in &group.records {
            assert!(record.text.len() <= 65 << 10);
            drop(record.facts());
        }
    }
}
