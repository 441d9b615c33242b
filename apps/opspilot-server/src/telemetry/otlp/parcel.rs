//! Requests to the collector, encoded.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use opspilot_core::module::Context;
use prost::Message;
use prost::bytes::Bytes;
use uuid::Uuid;

use super::super::collect::{nanos, text};
use super::config::Signal;
use super::points::{Times, metric};

/// A request that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) signal: Signal,
    pub(super) body: Bytes,
    pub(super) items: u64,
}

impl Parcel {
    fn new(signal: Signal, request: &impl Message, items: usize) -> Self {
        Self {
            signal,
            body: request.encode_to_vec().into(),
            items: u64::try_from(items).unwrap_or(u64::MAX),
        }
    }
}

/// Who sends: this program, in the process that `instance` names.
pub(super) fn resource(cx: &Context, instance: Uuid) -> Resource {
    let stage = cx.system.config().map(|config| config.system.environment);
    let stage = stage.map(|stage| format!("{stage:?}").to_lowercase());
    let facts = [
        ("service.name", Some("opspilot".to_owned())),
        (
            "service.version",
            Some(env!("CARGO_PKG_VERSION").to_owned()),
        ),
        ("service.instance.id", Some(instance.to_string())),
        ("deployment.environment.name", stage),
    ];
    let attributes = facts.into_iter().filter_map(|(key, value)| {
        Some(KeyValue {
            key: key.to_owned(),
            value: Some(text(&value?)),
            ..KeyValue::default()
        })
    });
    Resource {
        attributes: attributes.collect(),
        ..Resource::default()
    }
}

/// Everything that is measured, as it is now.
pub(super) fn metrics(resource: &Resource, cx: &Context) -> Parcel {
    let families = cx.system.metrics().families();
    let items = families.iter().map(|family| family.series.len()).sum();
    let times = Times {
        start: nanos(cx.system.started_at()),
        now: nanos(cx.clock.now()),
    };
    let metrics = families.into_iter().map(|family| metric(family, times));
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource.clone()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics: metrics.collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    Parcel::new(Signal::Metrics, &request, items)
}

/// Spans; `None` where there are none.
pub(super) fn spans(resource: &Resource, spans: Vec<Span>) -> Option<Parcel> {
    let items = Some(spans.len()).filter(|items| *items > 0)?;
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope()),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    Some(Parcel::new(Signal::Traces, &request, items))
}

/// Messages; `None` where there are none.
pub(super) fn logs(resource: &Resource, log_records: Vec<LogRecord>) -> Option<Parcel> {
    let items = Some(log_records.len()).filter(|items| *items > 0)?;
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource.clone()),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope()),
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    Some(Parcel::new(Signal::Logs, &request, items))
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "opspilot".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
