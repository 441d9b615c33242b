//! What may be set over the API: the keys of the dashboard's form, and no others.
//!
//! Whatever else a module takes is written into the configuration file by hand, by somebody who may do so on this machine:
//! programs that are started, credentials and where they are sent, certificates, what bounds the reach of probes. A new
//! option of a module is refused until it is listed here.

mod schema;
#[cfg(test)]
mod tests;

use opspilot_core::error::escape;
use serde_json::{Map, Value};

use super::super::body::whole;

pub(super) use self::schema::{channels, sources};

/// The most channels of one request.
pub(super) const MOST_CHANNELS: usize = 20;

/// The most entries of a list, and the longest text in characters.
const MOST: usize = 100;
const LONGEST: usize = 4096;

/// How much of a key is repeated, in characters.
const SHOWN: usize = 64;

/// What a key takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// A text that people see.
    Text,
    /// Such texts.
    Texts,
    /// A whole number.
    Number,
    /// True or false.
    Switch,
    /// Paths and globs of files that are read.
    Reads,
    /// The path of a file that is appended to.
    Writes,
    /// A secret, by the name of a variable of the server.
    Variable,
    /// Sections with these keys.
    Sections(&'static [(&'static str, Self)]),
}

type Keys = &'static [(&'static str, Takes)];

/// The keys of each source, besides `enabled`.
const SOURCES: &[(&str, Keys)] = &[
    ("connector.fileTail", &[("paths", Takes::Reads)]),
    (
        "connector.healthCheck",
        &[(
            "endpoints",
            Takes::Sections(&[
                ("id", Takes::Text),
                ("name", Takes::Text),
                ("url", Takes::Text),
            ]),
        )],
    ),
    ("connector.journald", &[("units", Takes::Texts)]),
    ("connector.kubernetes", &[("namespace", Takes::Text)]),
    ("connector.metrics", &[]),
    (
        "connector.syslog",
        &[
            ("protocol", Takes::Text),
            ("host", Takes::Text),
            ("port", Takes::Number),
        ],
    ),
];

const SWITCH: Keys = &[("enabled", Takes::Switch)];

/// The keys of each type of channel, besides those of all.
const CHANNELS: &[(&str, Keys)] = &[
    ("console", &[]),
    ("file", &[("path", Takes::Writes)]),
    ("webhook", &[("webhookUrl", Takes::Variable)]),
];

const OF_ALL_CHANNELS: Keys = &[
    ("id", Takes::Text),
    ("type", Takes::Text),
    ("events", Takes::Texts),
];

/// Why something is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not set from here at all.
    ByHand(String),
    /// It is, but not so.
    Wrong(String),
}

/// The files that somebody wants to be read and written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) reads: Vec<String>,
    pub(super) writes: Vec<String>,
}

/// Looks whether the options of source `id` are offered, and notes the files among them.
///
/// # Errors
/// The first that is not.
pub(super) fn check_source(
    id: &str,
    options: &Map<String, Value>,
    files: &mut Files,
) -> Result<(), Refusal> {
    let Some((_, keys)) = SOURCES.iter().find(|(known, _)| *known == id) else {
        return Err(by_hand(&shown(id)));
    };
    check(id, options, &[SWITCH, *keys], files)
}

/// Looks whether the options of a channel are offered, and notes the files among them.
///
/// # Errors
/// The first that is not.
pub(super) fn check_channel(channel: &Value, files: &mut Files) -> Result<(), Refusal> {
    let Value::Object(options) = channel else {
        return Err(wrong("channels", "a channel is an object"));
    };
    let Some(Value::String(kind)) = options.get("type") else {
        let message = "is missing: write `console`, `file` or `webhook`";
        return Err(wrong("channels[].type", message));
    };
    let Some((_, keys)) = CHANNELS.iter().find(|(known, _)| known == kind) else {
        return Err(by_hand(&format!("a channel of the type {}", shown(kind))));
    };
    check("channels[]", options, &[OF_ALL_CHANNELS, *keys], files)
}

fn check(
    path: &str,
    options: &Map<String, Value>,
    keys: &[Keys],
    files: &mut Files,
) -> Result<(), Refusal> {
    for (key, value) in options {
        let path = format!("{path}.{}", short(key));
        let mut known = keys.iter().copied().flatten();
        let Some((_, takes)) = known.find(|(known, _)| known == key) else {
            return Err(by_hand(&format!("`{path}`")));
        };
        check_value(&path, value, *takes, files)?;
    }
    Ok(())
}

fn check_value(path: &str, value: &Value, takes: Takes, files: &mut Files) -> Result<(), Refusal> {
    match (takes, value) {
        (Takes::Switch, Value::Bool(_)) => Ok(()),
        (Takes::Number, value) if whole(value).is_some() => Ok(()),
        (Takes::Text, _) => text(path, value).map(drop),
        (Takes::Writes, _) => {
            files.writes.push(text(path, value)?.to_owned());
            Ok(())
        }
        (Takes::Variable, Value::String(name)) if is_variable(name) => Ok(()),
        (Takes::Variable, _) => {
            let message = "is a secret: write `${NAME}`, the name of a variable of the server; a `${file:/path}` is \
                           written into the configuration file by hand";
            Err(wrong(path, message))
        }
        (Takes::Texts | Takes::Reads | Takes::Sections(_), Value::Array(items)) => {
            if items.len() > MOST {
                return Err(wrong(path, &format!("takes {MOST} entries at most")));
            }
            let mut items = items.iter();
            items.try_for_each(|item| check_item(path, item, takes, files))
        }
        (Takes::Number, _) => Err(wrong(path, "takes a whole number")),
        (Takes::Switch, _) => Err(wrong(path, "takes `true` or `false`")),
        (Takes::Texts | Takes::Reads | Takes::Sections(_), _) => Err(wrong(path, "takes a list")),
    }
}

fn check_item(path: &str, item: &Value, takes: Takes, files: &mut Files) -> Result<(), Refusal> {
    match (takes, item) {
        (Takes::Sections(keys), Value::Object(options)) => {
            check(&format!("{path}[]"), options, &[keys], files)
        }
        (Takes::Sections(_), _) => Err(wrong(path, "takes a list of objects")),
        (Takes::Reads, _) => {
            files.reads.push(text(path, item)?.to_owned());
            Ok(())
        }
        _ => text(path, item).map(drop),
    }
}

/// A text that is written as it is: a reference in it would be filled in by the server.
fn text<'v>(path: &str, value: &'v Value) -> Result<&'v str, Refusal> {
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            Err(wrong(path, &format!("takes {LONGEST} characters at most")))
        }
        Value::String(text) if text.contains("${") => {
            Err(wrong(path, "is shown to people: write it without `${…}`"))
        }
        Value::String(text) => Ok(text),
        _ => Err(wrong(path, "takes a text")),
    }
}

/// True for `${NAME}` and nothing beside it.
fn is_variable(text: &str) -> bool {
    let name = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.is_some_and(|name| !name.is_empty() && name.chars().all(is_letter))
}

fn by_hand(what: &str) -> Refusal {
    Refusal::ByHand(format!(
        "{what} is not set from here: write it into the configuration file by hand"
    ))
}

fn wrong(path: &str, message: &str) -> Refusal {
    Refusal::Wrong(format!("`{path}` {message}"))
}

fn shown(name: &str) -> String {
    format!("`{}`", short(name))
}

/// A name from a request, short and harmless enough to be repeated.
fn short(name: &str) -> String {
    escape(&name.chars().take(SHOWN).collect::<String>())
}
