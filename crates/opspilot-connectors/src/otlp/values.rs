//! Values and attributes of OpenTelemetry as facts, bounded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opspilot_core::signal::Attributes;
use serde_json::{Map, Value};

/// The most attributes that are kept of one set, and the most bytes of each.
const SET: (usize, usize) = (100, 2_000);

/// The longest name of a service, in bytes.
const SERVICE: usize = 200;

/// How deep values may lie within each other; deeper ones show as `…`.
const DEPTH: usize = 16;

/// A set of attributes.
pub(super) fn attributes(set: Vec<KeyValue>) -> Attributes {
    let (count, bytes) = SET;
    let entry = |KeyValue { key, value, .. }: KeyValue| Some((cut(key, 200), fact(value?, bytes)?));
    set.into_iter().take(count).filter_map(entry).collect()
}

/// A resource: its attributes, and its service under the short name.
pub(super) fn resource(resource: Option<Resource>) -> Attributes {
    let mut attributes = attributes(
        resource
            .map(|resource| resource.attributes)
            .unwrap_or_default(),
    );
    if let Some(Value::String(service)) = attributes.get("service.name") {
        let service = cut(service.clone(), SERVICE);
        attributes.insert("service".to_owned(), service.into());
    }
    attributes
}

/// The name of the service that a resource tells of.
pub(super) fn service(resource: &Attributes) -> &str {
    let service = resource.get("service").and_then(Value::as_str);
    service.filter(|name| !name.is_empty()).unwrap_or("unknown")
}

/// A value as text: a plain one as it is, another as JSON.
pub(super) fn text(value: AnyValue, limit: usize) -> String {
    match value.value {
        None => String::new(),
        Some(Any::StringValue(text)) => cut(text, limit),
        Some(other) => match json(other, DEPTH) {
            Value::String(text) => cut(text, limit),
            other => cut(other.to_string(), limit),
        },
    }
}

/// Plain values stay; what has parts becomes JSON text.
fn fact(value: AnyValue, limit: usize) -> Option<Value> {
    Some(match json(value.value?, DEPTH) {
        Value::String(text) => Value::String(cut(text, limit)),
        parts @ (Value::Array(_) | Value::Object(_)) => {
            Value::String(cut(parts.to_string(), limit))
        }
        plain => plain,
    })
}

fn json(value: Any, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else {
        return "…".into();
    };
    let inner = |value: Option<AnyValue>| {
        let value = value.and_then(|value| value.value);
        value.map_or(Value::Null, |value| json(value, depth))
    };
    match value {
        Any::StringValue(text) => text.into(),
        Any::BoolValue(flag) => flag.into(),
        Any::IntValue(number) => number.into(),
        // JSON has no infinities.
        Any::DoubleValue(number) if !number.is_finite() => number.to_string().into(),
        Any::DoubleValue(number) => number.into(),
        Any::BytesValue(bytes) => STANDARD.encode(bytes).into(),
        Any::ArrayValue(list) => {
            let values = list.values.into_iter();
            values.map(|value| inner(Some(value))).collect()
        }
        Any::KvlistValue(list) => {
            let pairs = list.values.into_iter();
            let map: Map<String, Value> = pairs.map(|pair| (pair.key, inner(pair.value))).collect();
            map.into()
        }
        // An index into a table of the profiles signal, which is not taken.
        Any::StringValueStrindex(_) => Value::Null,
    }
}

/// `text`, or its first about `limit` bytes and `…`.
pub(super) fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push('…');
    }
    text
}

/// Bytes as two digits each.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
