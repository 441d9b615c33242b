//! Log records.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opspilot_core::clock::Timestamp;
use opspilot_core::incident::Severity;
use opspilot_core::signal::Attributes;

use super::super::values::{attributes, cut, hex, resource, service, text};
use super::{Export, Record, TEXT};

/// Reads a request.
pub(super) fn read(request: ExportLogsServiceRequest, out: &mut Export) {
    for logs in request.resource_logs {
        let shared = Arc::new(resource(logs.resource));
        out.begin(service(&shared));
        for logs in logs.scope_logs {
            let scope = Arc::new(scope(logs.scope));
            for record in logs.log_records {
                let (text, own) = one(record);
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

/// What a scope says: its attributes and its name.
pub(super) fn scope(scope: Option<InstrumentationScope>) -> Attributes {
    let scope = scope.unwrap_or_default();
    let mut facts = attributes(scope.attributes);
    if !scope.name.is_empty() {
        facts.insert("scope".to_owned(), cut(scope.name, 200).into());
    }
    facts
}

fn one(record: LogRecord) -> (String, Attributes) {
    let mut facts = attributes(record.attributes);
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            facts.insert(name.to_owned(), value.into());
        }
    };
    fact("traceId", hex(&record.trace_id));
    fact("spanId", hex(&record.span_id));
    fact("eventName", cut(record.event_name.clone(), 200));
    fact("severity", cut(record.severity_text.to_lowercase(), 60));
    let nanos = [record.time_unix_nano, record.observed_time_unix_nano];
    if let Some(nanos) = nanos.into_iter().find(|nanos| *nanos > 0) {
        fact("originalTimestamp", moment(nanos).to_string());
    }
    if let Some(severity) = severity(record.severity_number, &record.severity_text) {
        fact("opsSeverity", severity.to_string());
    }
    let body = record
        .body
        .map_or_else(String::new, |body| text(body, TEXT));
    let line = if body.is_empty() {
        cut(record.event_name, 200)
    } else {
        body
    };
    (line, facts)
}

/// A moment in nanoseconds since 1970.
pub(super) fn moment(nanos: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX))
}

/// By number (the data model's "Field: SeverityNumber"), or else by word.
fn severity(number: i32, word: &str) -> Option<Severity> {
    match number {
        1..=12 => return Some(Severity::Info),
        13..=16 => return Some(Severity::Warning),
        17.. => return Some(Severity::Critical),
        _ => {}
    }
    match word.to_lowercase().as_str() {
        "trace" | "debug" | "info" | "information" | "notice" => Some(Severity::Info),
        "warn" | "warning" => Some(Severity::Warning),
        "error" | "err" | "critical" | "crit" | "fatal" | "alert" | "emergency" | "panic" => {
            Some(Severity::Critical)
        }
        _ => None,
    }
}
