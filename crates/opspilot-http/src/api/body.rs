//! The body of a change, read strictly: one JSON object, each field once, no unknown ones, every fault named.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError};
use opspilot_core::clock::Timestamp;
use opspilot_core::config::parse_span;
use opspilot_core::error::chain;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::faults::Faults;
use super::problem::{Code, Problem};
use super::state::ApiLimits;

/// The most fields that are looked at.
const FIELDS: usize = 64;

/// Reads the whole body.
///
/// # Errors
/// When it is too large, too slow or cut short.
pub(super) async fn read(body: Body, limits: ApiLimits) -> Result<Bytes, Problem> {
    match tokio::time::timeout(limits.body, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_length_error(&error) => Err(Problem::of(Code::BODY_TOO_LARGE)),
        Ok(Err(error)) => {
            let problem = Problem::of(Code::INVALID_REQUEST).because(chain(&error));
            Err(problem.detail("the body was cut short"))
        }
        Err(_) => Err(Problem::of(Code::SLOW_BODY)),
    }
}

fn is_length_error(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Fields that nobody has asked for yet. [`Fields::finish`] tells what is wrong with them.
#[derive(Debug)]
pub(super) struct Fields {
    given: BTreeMap<String, Value>,
    known: Vec<&'static str>,
    faults: Faults,
}

impl Fields {
    /// Reads `bytes` as an object; without any, as an object without fields.
    ///
    /// # Errors
    /// When there are bytes that do not claim to be JSON, or are not one JSON object.
    pub(super) fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, Problem> {
        let object = if bytes.is_empty() {
            Object::default()
        } else if is_json(headers) {
            serde_json::from_slice(bytes).map_err(|error| {
                let detail = format!("the body is not one JSON object: {error}");
                Problem::of(Code::INVALID_REQUEST).detail(detail)
            })?
        } else {
            let detail = "send the body with `Content-Type: application/json`";
            return Err(Problem::of(Code::UNSUPPORTED_MEDIA_TYPE).detail(detail));
        };
        let mut faults = Faults::new("field");
        for name in &object.repeated {
            faults.add(name, "is given more than once");
        }
        Ok(Self {
            given: object.fields,
            known: Vec::new(),
            faults,
        })
    }

    /// A text of 1 to `longest` characters, or `None` if the field is absent.
    pub(super) fn text(&mut self, name: &'static str, longest: usize) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => self.checked(name, text, longest),
            _ => self.fault(name, "write a text"),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&mut self, name: &'static str, longest: usize) -> Option<String> {
        if !self.given.contains_key(name) {
            self.known.push(name);
            return self.fault(name, "is missing");
        }
        self.text(name, longest)
    }

    /// One of a few words, or `None` if the field is absent. `words` lists them for people.
    pub(super) fn choice<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        words: &'static str,
    ) -> Option<T> {
        let value = self.take(name)?;
        match serde_json::from_value(value) {
            Ok(choice) => Some(choice),
            Err(_) => self.fault(name, format!("write {words}")),
        }
    }

    /// One of a few words, which must be there.
    pub(super) fn required_choice<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        words: &'static str,
    ) -> Option<T> {
        if !self.given.contains_key(name) {
            self.known.push(name);
            return self.fault(name, format!("is missing; write {words}"));
        }
        self.choice(name, words)
    }

    /// Up to `most` texts of at most `longest` characters each, or `None` if the field is absent. They may hold any
    /// characters: they are looked at, not kept.
    pub(super) fn texts(
        &mut self,
        name: &'static str,
        (most, longest): (usize, usize),
    ) -> Option<Vec<String>> {
        let Value::Array(items) = self.take(name)? else {
            return self.fault(name, "write a list of texts");
        };
        if items.len() > most {
            return self.fault(name, format!("write at most {most} texts"));
        }
        let text = |item| match item {
            Value::String(text) if text.chars().count() <= longest => Some(text),
            _ => None,
        };
        let texts: Option<Vec<String>> = items.into_iter().map(text).collect();
        texts.or_else(|| {
            let help = format!("write texts of at most {longest} characters");
            self.fault(name, help)
        })
    }

    /// A whole number from 1 to `most`, or `None` if the field is absent.
    pub(super) fn number(&mut self, name: &'static str, most: u64) -> Option<u64> {
        let value = whole(&self.take(name)?);
        match value.filter(|value| (1..=most).contains(value)) {
            Some(value) => Some(value),
            None => self.fault(name, format!("write a whole number from 1 to {most}")),
        }
    }

    /// The value of a field, whatever it is.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.take(name)
    }

    /// Notes that a field is wrong in a way that its caller found out.
    pub(super) fn refuse(&mut self, name: &'static str, message: impl Into<String>) {
        self.faults.add(name, message);
    }

    /// An object, or `None` if the field is absent.
    pub(super) fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(object) => Some(object),
            _ => self.fault(name, "write an object"),
        }
    }

    /// A moment as RFC 3339, which must be there.
    pub(super) fn required_time(&mut self, name: &'static str) -> Option<Timestamp> {
        let text = self.required_text(name, 40)?;
        match Timestamp::parse(&text) {
            Ok(time) => Some(time),
            Err(_) => self.fault(name, "write a time such as `2026-11-30T08:00:00Z`"),
        }
    }

    /// A span of time such as `8h`, or `None` if the field is absent.
    pub(super) fn span(&mut self, name: &'static str) -> Option<Duration> {
        let text = self.text(name, 20)?;
        match parse_span(&text) {
            Ok(span) => Some(span),
            Err(error) => self.fault(name, error.to_string()),
        }
    }

    /// A text or `null`, which must be there. The outer option is `None` after a fault.
    pub(super) fn required_or_null(
        &mut self,
        name: &'static str,
        longest: usize,
    ) -> Option<Option<String>> {
        if self.given.get(name).is_some_and(Value::is_null) {
            self.take(name);
            return Some(None);
        }
        self.required_text(name, longest).map(Some)
    }

    /// Tells everything that is wrong.
    ///
    /// # Errors
    /// When a field has no value that is allowed, is missing, given twice or not known.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let known = self
            .known
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>();
        let known = match known.as_slice() {
            [] => "there are none".to_owned(),
            known => format!("the fields are {}", known.join(", ")),
        };
        for name in self.given.keys() {
            self.faults.add(name, format!("is not known; {known}"));
        }
        self.faults.finish()
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.given.remove(name)
    }

    fn checked(&mut self, name: &'static str, text: String, longest: usize) -> Option<String> {
        let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if text.trim().is_empty() {
            return self.fault(name, "write at least one character");
        }
        if text.chars().count() > longest {
            return self.fault(name, format!("write at most {longest} characters"));
        }
        if text.contains(is_control) {
            return self.fault(
                name,
                "write no control characters besides line breaks and tabs",
            );
        }
        Some(text)
    }

    fn fault<T>(&mut self, name: &'static str, message: impl Into<String>) -> Option<T> {
        self.faults.add(name, message);
        None
    }
}

/// A whole number, however it is written: `1.0` is one as well (JSON Schema 2020-12, Core, section 4.2.3).
pub(super) fn whole(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    format!("{number:.0}").parse().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// A JSON object that remembers which names it repeats; serde_json's own silently keeps the last.
#[derive(Debug, Default)]
struct Object {
    fields: BTreeMap<String, Value>,
    repeated: Vec<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if object.fields.contains_key(&name) {
                        object.repeated.push(name.clone());
                    }
                    object.fields.insert(name, value);
                    if object.fields.len() + object.repeated.len() > FIELDS {
                        return Err(de::Error::custom(format_args!("more than {FIELDS} fields")));
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests;
