//! `where` and `unless`: what a rule demands of a record's attributes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use opspilot_core::signal::Attributes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How many attributes an incident shows, how long a name may be, and how long a value, in bytes.
const SHOWN: usize = 64;
const NAME_LIMIT: usize = 128;
const VALUE_LIMIT: usize = 1 << 10;

/// Attributes and the values that one of them must have.
///
/// A name that starts with `/` is a JSON pointer into an attribute (`/structuredData/origin/ip`). Values compare as
/// text; `*` stands for any text. An attribute that is a list has each of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Conditions(BTreeMap<String, Values>);

/// One value or several, of which one must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Values(Vec<String>);

impl Conditions {
    /// The conditions as they are shown; `null` if nothing is demanded.
    pub(crate) fn to_json(&self) -> Value {
        match self.is_empty() {
            true => Value::Null,
            false => serde_json::to_value(self).unwrap_or_default(),
        }
    }

    /// True if nothing is demanded.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if every attribute named here has one of its values.
    pub(crate) fn all(&self, attributes: &Attributes) -> bool {
        self.0.iter().all(|entry| holds(entry, attributes))
    }

    /// True if one of the attributes named here has one of its values.
    pub(crate) fn any(&self, attributes: &Attributes) -> bool {
        self.0.iter().any(|entry| holds(entry, attributes))
    }
}

/// What both of a rule's conditions say; `attributes` are asked for only if there are any.
pub(crate) fn allow(
    (demanded, excluded): (&Conditions, &Conditions),
    attributes: impl FnOnce() -> Attributes,
) -> bool {
    if demanded.is_empty() && excluded.is_empty() {
        return true;
    }
    let attributes = attributes();
    demanded.all(&attributes) && !excluded.any(&attributes)
}

/// The attributes as an incident shows them: bounded, whatever a peer sent.
pub(crate) fn shown(attributes: Attributes) -> Map<String, Value> {
    let is_short = |(name, _): &(String, Value)| name.len() <= NAME_LIMIT;
    let cut = |(name, value): (String, Value)| (name, bounded(value));
    let entries = attributes.into_iter().filter(is_short);
    entries.take(SHOWN).map(cut).collect()
}

fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > VALUE_LIMIT => {
            crate::template::shortened(&text, VALUE_LIMIT).into()
        }
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.len() <= VALUE_LIMIT {
                return value;
            }
            crate::template::shortened(&text, VALUE_LIMIT).into()
        }
        _ => value,
    }
}

fn holds((name, values): (&String, &Values), attributes: &Attributes) -> bool {
    match find(name, attributes) {
        Some(Value::Array(found)) => found.iter().any(|value| values.contain(value)),
        Some(found) => values.contain(found),
        None => false,
    }
}

/// The attribute called `name`, or the part of one that `name` points to.
pub(crate) fn find<'a>(name: &str, attributes: &'a Attributes) -> Option<&'a Value> {
    let Some(pointer) = name.strip_prefix('/') else {
        return attributes.get(name);
    };
    let (first, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
    let first = first.replace("~1", "/").replace("~0", "~");
    let value = attributes.get(&first)?;
    if rest.is_empty() {
        return Some(value);
    }
    value.pointer(&format!("/{rest}"))
}

impl Values {
    fn contain(&self, value: &Value) -> bool {
        let text = match value {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Bool(_) | Value::Number(_) => Cow::Owned(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => return false,
        };
        self.0.iter().any(|pattern| is_like(pattern, &text))
    }
}

/// Whether `text` is `pattern`, where `*` stands for any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Values, E> {
        Ok(Values(vec![text.to_owned()]))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Values, E> {
        Ok(Values(vec![value.to_string()]))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Values, E> {
        Ok(Values(vec![value.to_string()]))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Values, E> {
        Ok(Values(vec![value.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(Values(value)) = list.next_element()? {
            values.extend(value);
        }
        if values.is_empty() {
            return Err(A::Error::custom("the list is empty: nothing could match"));
        }
        Ok(Values(values))
    }
}

impl JsonSchema for Values {
    fn schema_name() -> Cow<'static, str> {
        "AttributeValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value, or a list of values of which one must match; `*` stands for any text.",
            "type": ["string", "integer", "boolean", "array"],
            "items": { "type": ["string", "integer", "boolean"] },
            "minItems": 1
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conditions(value: Value) -> Conditions {
        serde_json::from_value(value).unwrap()
    }

    fn attributes() -> Attributes {
        let value = json!({
            "opsSeverity": "critical",
            "unit": "nginx@blue.service",
            "priority": 3,
            "restarted": true,
            "labels": ["web", "edge"],
            "structuredData": { "a/b": { "ip": "10.0.0.1" } },
        });
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn every_named_attribute_must_have_one_of_its_values() {
        let rows = [
            (json!({}), true),
            (json!({"opsSeverity": "critical"}), true),
            (
                json!({"opsSeverity": ["warning", "critical"], "priority": 3}),
                true,
            ),
            (json!({"opsSeverity": "critical", "priority": 4}), false),
            (json!({"unit": "nginx@*.service", "restarted": true}), true),
            (json!({"unit": "nginx*blue*"}), true),
            (json!({"unit": "nginx*green*"}), false),
            (json!({"unit": "nginx"}), false),
            (json!({"labels": "edge"}), true),
            (json!({"labels": "core"}), false),
            (json!({"/structuredData/a~1b/ip": "10.*"}), true),
            (json!({"/structuredData/a/b/ip": "10.*"}), false),
            (json!({"structuredData": "*"}), false),
            (json!({"absent": "*"}), false),
        ];
        for (demanded, expected) in rows {
            let demanded = conditions(demanded);
            assert_eq!(demanded.all(&attributes()), expected, "{demanded:?}");
        }
    }

    #[test]
    fn what_is_excluded_wins() {
        let demanded = conditions(json!({"opsSeverity": "critical"}));
        let excluded = conditions(json!({"unit": ["cron*", "nginx*"], "absent": "x"}));
        let none = Conditions::default();
        assert!(allow((&demanded, &none), attributes));
        assert!(!allow((&demanded, &excluded), attributes));
        assert!(allow((&none, &none), || panic!("nobody asked")));
    }

    #[test]
    fn stars_never_match_the_same_text_twice() {
        for (pattern, text, expected) in [
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*", "", true),
            ("**", "x", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("*é", "caffé", true),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_list_without_values_is_refused() {
        let refusal = serde_json::from_value::<Conditions>(json!({"unit": []})).unwrap_err();
        assert!(refusal.to_string().contains("the list is empty"));
    }

    #[test]
    fn what_an_incident_shows_is_bounded() {
        let long = "x".repeat(10_000);
        let mut sent = Attributes::new();
        sent.insert(long.clone(), 1.into());
        sent.insert("deep".into(), json!([long]));
        sent.insert("text".into(), long.into());
        sent.extend((0..1_000).map(|index| (format!("z{index}"), index.into())));
        let shown = shown(sent);
        assert_eq!(shown.len(), SHOWN);
        assert!(Value::Object(shown).to_string().len() < 8 << 10);
    }
}
