//! Values for parameters, checked against their schemas.

use std::collections::BTreeMap;

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::ArgumentError;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value as Json};

use super::options::Parameter;
use super::template::is_name;

/// The longest text in bytes.
const LONGEST: usize = 4 * 1024;

/// The longest text in bytes of a parameter that allows several lines.
const LONGEST_LINES: usize = 64 * 1024;

/// The values of an action's parameters.
pub(crate) type Values = BTreeMap<String, Value>;

/// A value that its parameter allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A number, and how it is written.
    Number(i64, String),
}

/// The parameters of an action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(BTreeMap<String, Schema>);

#[derive(Debug, Clone)]
enum Schema {
    Text {
        pattern: Regex,
        source: String,
        longest: usize,
        has_lines: bool,
    },
    Number {
        min: i64,
        max: i64,
    },
    Choice(Vec<String>),
}

impl Parameters {
    /// Checks the options at `path`.
    pub(crate) fn parse(
        options: &BTreeMap<String, Parameter>,
        path: &KeyPath,
    ) -> Result<Self, BuildError> {
        let (mut schemas, mut faults) = (BTreeMap::new(), Vec::new());
        for (name, parameter) in options {
            let path = path.with_key(name);
            if !is_name(name) {
                let message = "a parameter's name is letters, digits and `_`, a letter first";
                faults.push(BuildError::option(path.clone(), message));
            }
            match Schema::parse(parameter, &path) {
                Ok(schema) => {
                    schemas.insert(name.clone(), schema);
                }
                Err(fault) => faults.push(fault),
            }
        }
        BuildError::join(faults).map_or(Ok(Self(schemas)), Err)
    }

    /// The names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// True if `name` is a parameter of type `integer`.
    #[cfg(feature = "kubernetes")]
    pub(crate) fn is_number(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Schema::Number { .. }))
    }

    /// The values of `name`, if it is a parameter of type `enum`.
    pub(crate) fn choices(&self, name: &str) -> Option<&[String]> {
        match self.0.get(name)? {
            Schema::Choice(values) => Some(values),
            Schema::Text { .. } | Schema::Number { .. } => None,
        }
    }

    /// Checks `arguments`: each parameter has one, and there is no other.
    ///
    /// # Errors
    /// Every fault. A fault never repeats a value, which may be hostile.
    pub(crate) fn check(&self, arguments: &Map<String, Json>) -> Result<Values, ArgumentError> {
        let (mut values, mut faults) = (Values::new(), Vec::new());
        for name in arguments.keys().filter(|name| !self.0.contains_key(*name)) {
            let name = name
                .chars()
                .take(64)
                .collect::<String>()
                .escape_debug()
                .to_string();
            faults.push(format!("{name}: there is no such parameter"));
        }
        for (name, schema) in &self.0 {
            let checked = arguments.get(name).ok_or_else(|| "is missing".to_owned());
            match checked.and_then(|argument| schema.check(argument)) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(fault) => faults.push(format!("{name}: {fault}")),
            }
        }
        if faults.is_empty() {
            return Ok(values);
        }
        Err(ArgumentError { faults })
    }
}

impl Value {
    /// As it stands in a text.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(_, text) => text,
        }
    }

    /// As it stands in JSON.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::from(text.as_str()),
            Self::Number(number, _) => Json::from(*number),
        }
    }
}

impl Schema {
    fn parse(parameter: &Parameter, path: &KeyPath) -> Result<Self, BuildError> {
        let fault =
            |key: &str, message: String| Err(BuildError::option(path.with_key(key), message));
        match parameter {
            Parameter::String {
                pattern,
                max_length,
                multi_line,
            } => {
                let limit = if *multi_line { LONGEST_LINES } else { LONGEST };
                if !(1..=limit).contains(max_length) {
                    return fault("maxLength", format!("must be from 1 to {limit}"));
                }
                let whole = RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
                    .size_limit(1 << 20)
                    .build();
                match (Regex::new(pattern), whole) {
                    (Ok(_), Ok(whole)) => Ok(Self::Text {
                        pattern: whole,
                        source: pattern.clone(),
                        longest: *max_length,
                        has_lines: *multi_line,
                    }),
                    (Err(error), _) | (_, Err(error)) => {
                        fault("pattern", format!("not a regular expression: {error}"))
                    }
                }
            }
            Parameter::Integer { min, max } if min > max => {
                fault("min", format!("is greater than `max`, {max}"))
            }
            Parameter::Integer { min, max } => Ok(Self::Number {
                min: *min,
                max: *max,
            }),
            Parameter::Enum { values } if values.is_empty() => {
                fault("values", "must list at least one value".to_owned())
            }
            Parameter::Enum { values } => {
                let hostile = values
                    .iter()
                    .position(|value| refusal(value, false).is_some());
                match hostile {
                    Some(at) => fault(
                        "values",
                        format!("value {} holds a character that is not allowed", at + 1),
                    ),
                    None => Ok(Self::Choice(values.clone())),
                }
            }
        }
    }

    fn check(&self, argument: &Json) -> Result<Value, String> {
        match self {
            Self::Text {
                pattern,
                source,
                longest,
                has_lines,
            } => {
                let text = argument.as_str().ok_or("must be a text")?;
                if text.len() > *longest {
                    return Err(format!("must have at most {longest} bytes"));
                }
                if let Some(reason) = refusal(text, *has_lines) {
                    return Err(reason.to_owned());
                }
                if !pattern.is_match(text) {
                    return Err(format!("must match {source}"));
                }
                Ok(Value::Text(text.to_owned()))
            }
            Self::Number { min, max } => {
                let number = argument
                    .as_i64()
                    .filter(|number| (min..=max).contains(&number));
                let number =
                    number.ok_or_else(|| format!("must be a whole number from {min} to {max}"))?;
                Ok(Value::Number(number, number.to_string()))
            }
            Self::Choice(values) => {
                let text = argument
                    .as_str()
                    .filter(|text| values.iter().any(|value| value == text));
                let text = text.ok_or_else(|| format!("must be one of {}", values.join(", ")))?;
                Ok(Value::Text(text.to_owned()))
            }
        }
    }
}

/// Why a text is refused whatever its pattern allows.
fn refusal(text: &str, has_lines: bool) -> Option<&'static str> {
    let is_allowed = |c: char| has_lines && matches!(c, '\n' | '\t');
    if text.chars().any(|c| c.is_control() && !is_allowed(c)) {
        return Some("must not hold control characters or line breaks");
    }
    text.chars()
        .any(is_invisible)
        .then_some("must not hold characters that are invisible or turn the writing around")
}

/// Zero-width, line-separating, direction-changing and tag characters (Unicode 16, UTS #39 and UAX #9).
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
