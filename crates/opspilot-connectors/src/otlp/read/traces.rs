//! Spans.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status::StatusCode};
use opspilot_core::incident::Severity;
use opspilot_core::signal::Attributes;

use super::super::values::{attributes, cut, hex, resource, service};
use super::logs::{moment, scope};
use super::{Export, Record};

/// The longest message of a span, in bytes.
const MESSAGE: usize = 2_000;

/// Reads a request: failed spans, and those that took `slow_ms` or longer, become records.
pub(super) fn read(request: ExportTraceServiceRequest, slow_ms: Option<u64>, out: &mut Export) {
    for spans in request.resource_spans {
        let shared = Arc::new(resource(spans.resource));
        out.begin(service(&shared));
        for spans in spans.scope_spans {
            let scope = Arc::new(scope(spans.scope));
            for span in spans.spans {
                out.spans += 1;
                if let Some((text, own)) = one(span, service(&shared), slow_ms) {
                    out.record(Record {
                        text,
                        shared: Arc::clone(&shared),
                        scope: Arc::clone(&scope),
                        own,
                    });
                }
            }
        }
    }
}

fn one(span: Span, service: &str, slow_ms: Option<u64>) -> Option<(String, Attributes)> {
    let nanos = span
        .end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano);
    let millis = nanos / 1_000_000;
    let has_failed = |status: &Status| status.code == StatusCode::Error as i32;
    let failure = span.status.filter(has_failed);
    let is_slow = slow_ms.is_some_and(|slow| millis >= slow);
    let (word, severity) = match (&failure, is_slow) {
        (Some(_), _) => ("ERROR", Severity::Critical),
        (None, true) => ("SLOW", Severity::Warning),
        (None, false) => return None,
    };
    let name = cut(span.name, 200);
    let message = failure.map(|status| status.message).unwrap_or_default();
    let message = if message.is_empty() {
        exception(&span.events).unwrap_or_default()
    } else {
        message
    };
    let said = match cut(message, MESSAGE) {
        said if said.is_empty() => String::new(),
        said => format!(": {said}"),
    };
    let line = format!("[SPAN] [{word}] {service} {name}{said} ({millis} ms)");
    let mut facts = attributes(span.attributes);
    let texts = [
        ("traceId", hex(&span.trace_id)),
        ("spanId", hex(&span.span_id)),
        ("parentSpanId", hex(&span.parent_span_id)),
        ("spanName", name),
        ("opsSeverity", severity.to_string()),
        (
            "originalTimestamp",
            moment(span.end_time_unix_nano).to_string(),
        ),
    ];
    for (name, value) in texts {
        if !value.is_empty() {
            facts.insert(name.to_owned(), value.into());
        }
    }
    facts.insert("durationMs".to_owned(), millis.into());
    Some((line, facts))
}

/// The message of an exception that a span recorded.
fn exception(events: &[Event]) -> Option<String> {
    let mut attributes = events.iter().flat_map(|event| &event.attributes);
    attributes.find_map(|attribute| {
        match (attribute.key.as_str(), &attribute.value.as_ref()?.value) {
            ("exception.message", Some(Any::StringValue(text))) => Some(text.clone()),
            _ => None,
        }
    })
}
