//! Single values: types, bounds, and how they are named in a fault.

use serde_json::Value as Json;

use super::super::nearest::{listed, nearest};
use super::super::tree::{Node, Value};
use super::{Checker, kind};

impl<'s> Checker<'s, '_> {
    pub(super) fn check_scalar(&mut self, node: &mut Node, schema: &'s Json) {
        let allowed = allowed(schema);
        if !allowed.is_empty() {
            self.check_allowed(node, &allowed);
        }
        let message = match &node.value {
            Value::Integer(number) => bounds_fault(schema, number, &shown(node), |n, bound| {
                bound
                    .as_i128()
                    .map_or_else(|| compare_floats(as_float(*n), bound), |b| Some(n.cmp(&b)))
            }),
            Value::Float(number) => bounds_fault(schema, number, &shown(node), |n, bound| {
                compare_floats(*n, bound)
            }),
            Value::Text(text) => length_fault(schema, "Length", "characters", text.chars().count()),
            _ => None,
        };
        if let Some(message) = message {
            self.fault(node, message, None);
        }
    }

    /// Reports a value that is none of the allowed ones.
    pub(super) fn check_allowed(&mut self, node: &Node, allowed: &[&'s Json]) {
        if allowed.iter().any(|json| equals(&node.value, json)) {
            return;
        }
        let names: Vec<&str> = allowed.iter().filter_map(|json| json.as_str()).collect();
        let message = format!("{} is not an allowed value", shown(node));
        let near = match &node.value {
            Value::Text(text) if !node.hidden => nearest(text, names.iter().copied()),
            _ => None,
        };
        let all = listed(names.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`? allowed are {all}"),
            None => format!("write one of {all}"),
        };
        self.fault(node, message, Some(help));
    }
}

/// The values a schema names one by one (`enum`, `const`).
pub(super) fn allowed(schema: &Json) -> Vec<&Json> {
    match (schema.get("enum"), schema.get("const")) {
        (Some(Json::Array(values)), _) => values.iter().collect(),
        (_, Some(value)) => vec![value],
        _ => Vec::new(),
    }
}

fn equals(value: &Value, json: &Json) -> bool {
    match (value, json) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == b,
        (Value::Integer(a), Json::Number(b)) => b.as_i128() == Some(*a),
        (Value::Text(a), Json::String(b)) => a == b,
        _ => false,
    }
}

pub(super) fn has_type(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Integer(_) => name == "integer" || name == "number",
        Value::Float(_) => name == "number",
        Value::Text(_) => name == "string",
        Value::List(_) => name == "array",
        Value::Map(_) => name == "object",
        Value::Invalid => true,
    }
}

/// Turns a text that came whole from a variable into what is asked for, if it can stand for it.
pub(super) fn coerce(node: &mut Node, types: &[&str]) -> bool {
    let Value::Text(text) = &node.value else {
        return false;
    };
    if !node.loose {
        return false;
    }
    let text = text.trim();
    let value = types.iter().find_map(|name| match *name {
        "boolean" => text.parse().ok().map(Value::Bool),
        "integer" => text.parse().ok().map(Value::Integer),
        "number" => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Value::Float),
        "null" if text.is_empty() => Some(Value::Null),
        _ => None,
    });
    let Some(value) = value else {
        return false;
    };
    node.value = value;
    true
}

pub(super) fn expected(types: &[&str]) -> String {
    let words = types
        .iter()
        .filter(|name| **name != "null")
        .map(|name| match *name {
            "boolean" => "`true` or `false`",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "text",
            "array" => "a list",
            "object" => "a section with keys",
            other => other,
        });
    words.collect::<Vec<_>>().join(" or ")
}

/// Kind and value, the value only where it may be seen.
pub(super) fn found(node: &Node) -> String {
    let kind = kind(&node.value);
    match &node.value {
        Value::Text(_) | Value::Bool(_) | Value::Integer(_) | Value::Float(_) if !node.hidden => {
            format!("{kind} {}", shown(node))
        }
        _ => kind.to_owned(),
    }
}

/// A fault shows this many characters of a text.
const SHOWN: usize = 60;

/// The value in backquotes, shortened; or what stands for a value that may be secret.
pub(super) fn shown(node: &Node) -> String {
    if node.hidden {
        return "the value (not shown)".to_owned();
    }
    match &node.value {
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Integer(number) => format!("`{number}`"),
        Value::Float(number) => format!("`{number}`"),
        Value::Text(text) if text.chars().count() > SHOWN => {
            let start: String = text.chars().take(SHOWN).collect();
            format!("`{}…`", start.escape_debug())
        }
        Value::Text(text) => format!("`{}`", text.escape_debug()),
        other => kind(other).to_owned(),
    }
}

/// What to write instead of a value of the wrong type.
pub(super) fn type_help(node: &Node, types: &[&str]) -> Option<String> {
    let wants = |name: &str| types.contains(&name);
    if matches!(node.value, Value::Null) {
        return Some("write a value, or remove the key to use its default".to_owned());
    }
    if node.hidden {
        return wants("string").then(|| "write it in quotes".to_owned());
    }
    match &node.value {
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) if wants("string") => Some(format!(
            "write it in quotes: {}",
            shown(node).replace('`', "\"")
        )),
        Value::Text(text) if wants("boolean") => {
            let word = match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "true" => "true",
                "no" | "off" | "n" | "false" => "false",
                _ => return None,
            };
            Some(format!("write `{word}`"))
        }
        Value::Text(text)
            if (wants("integer") || wants("number")) && text.parse::<f64>().is_ok() =>
        {
            Some("write it without quotes".to_owned())
        }
        Value::Text(_) | Value::Integer(_) if wants("array") => Some(format!(
            "write a list: `[{}]`",
            shown(node).replace('`', "")
        )),
        _ => None,
    }
}

/// Says how a number breaks `minimum`, `maximum` and their exclusive forms.
fn bounds_fault<N>(
    schema: &Json,
    number: &N,
    shown: &str,
    compare: impl Fn(&N, &serde_json::Number) -> Option<std::cmp::Ordering>,
) -> Option<String> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let rules = [
        ("minimum", &[Less][..], "at least"),
        ("maximum", &[Greater][..], "at most"),
        ("exclusiveMinimum", &[Less, Equal][..], "more than"),
        ("exclusiveMaximum", &[Greater, Equal][..], "less than"),
    ];
    let breaks = rules.iter().any(|(keyword, bad, _)| {
        bound(schema, keyword)
            .and_then(|bound| compare(number, bound))
            .is_some_and(|ordering| bad.contains(&ordering))
    });
    breaks.then(|| {
        let range: Vec<String> = rules
            .iter()
            .filter_map(|(keyword, _, words)| Some(format!("{words} {}", bound(schema, keyword)?)))
            .collect();
        format!("{shown} is out of range: write {}", range.join(" and "))
    })
}

fn bound<'s>(schema: &'s Json, keyword: &str) -> Option<&'s serde_json::Number> {
    schema.get(keyword)?.as_number()
}

fn compare_floats(number: f64, bound: &serde_json::Number) -> Option<std::cmp::Ordering> {
    number.partial_cmp(&bound.as_f64()?)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "only compared with a bound that is itself a floating point number"
)]
const fn as_float(number: i128) -> f64 {
    number as f64
}

/// Says how a length breaks `minLength`, `maxItems` and the like.
pub(super) fn length_fault(
    schema: &Json,
    suffix: &str,
    unit: &str,
    length: usize,
) -> Option<String> {
    let limit = |start: &str| schema.get(format!("{start}{suffix}"))?.as_u64();
    let length = length as u64;
    match (limit("min"), limit("max")) {
        (Some(1), _) if length == 0 => Some("must not be empty".to_owned()),
        (Some(min), _) if length < min => {
            Some(format!("has {length} {unit}, must have at least {min}"))
        }
        (_, Some(max)) if length > max => {
            Some(format!("has {length} {unit}, may have at most {max}"))
        }
        _ => None,
    }
}
