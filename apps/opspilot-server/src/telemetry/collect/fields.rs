//! The fields of a span or message as attributes. `otel.name`, `otel.kind` and `otel.status_code` say what a span is,
//! `otel.place` and `otel.parent` where it stands in a trace that spans do not tell.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opspilot_core::event::TracePlace;
use tracing::field::{Field, Visit};

/// The longest text of a field, in bytes.
const TEXT: usize = 4_096;

/// What fields say.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) message: Option<AnyValue>,
    pub(super) name: Option<String>,
    pub(super) kind: SpanKind,
    pub(super) status: StatusCode,
    pub(super) place: Option<TracePlace>,
    pub(super) parent: Option<TracePlace>,
    pub(super) attributes: Vec<KeyValue>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            message: None,
            name: None,
            kind: SpanKind::Internal,
            status: StatusCode::Unset,
            place: None,
            parent: None,
            attributes: Vec::new(),
        }
    }
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.attributes.push(KeyValue {
            key: field.name().to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        });
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match (field.name(), value) {
            ("message", _) => self.message = Some(text(value)),
            ("otel.name", _) => self.name = Some(cut(value).to_owned()),
            ("otel.kind", "server") => self.kind = SpanKind::Server,
            ("otel.kind", "producer") => self.kind = SpanKind::Producer,
            ("otel.kind", "consumer") => self.kind = SpanKind::Consumer,
            ("otel.kind", _) => self.kind = SpanKind::Internal,
            ("otel.status_code", "ERROR") => self.status = StatusCode::Error,
            ("otel.status_code", _) => self.status = StatusCode::Ok,
            ("otel.place", _) => self.place = TracePlace::parse(value),
            ("otel.parent", _) => self.parent = TracePlace::parse(value),
            _ => self.add(field, Value::StringValue(cut(value).to_owned())),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::BoolValue(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::IntValue(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(
            field,
            Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)),
        );
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::DoubleValue(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A text as a value, cut where it is too long.
pub(crate) fn text(text: &str) -> AnyValue {
    AnyValue {
        value: Some(Value::StringValue(cut(text).to_owned())),
    }
}

fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(TEXT);
    text.split_at(end).0
}
