//! One entry of the journal, in a line of the form that `journalctl` has for JSON.
//!
//! Source of the form: systemd's "Journal JSON Format". A field is a string, a list of numbers where it is not printable
//! UTF-8, a list of such where it occurs several times, or null where it is too large. Only what a position needs is
//! worked out for each entry; the other fields wait until somebody asks.

use std::borrow::Cow;
use std::fmt;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::Attributes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::filter::DEFAULT_PRIORITY;

/// The fields that are asked for. The cursor, both times and the boot come always.
pub(super) const FIELDS: &[&str] = &[
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "_HOSTNAME",
    "_PID",
    "_UID",
    "_SYSTEMD_UNIT",
    "UNIT",
    "OBJECT_SYSTEMD_UNIT",
    "COREDUMP_UNIT",
];

/// An entry, borrowed from its line.
#[derive(Debug, Deserialize)]
pub(super) struct Entry<'a> {
    #[serde(rename = "__CURSOR", borrow)]
    cursor: Cow<'a, str>,
    #[serde(rename = "MESSAGE", borrow, default)]
    message: Option<Field<'a>>,
    #[serde(rename = "__REALTIME_TIMESTAMP", borrow, default)]
    time: Option<&'a RawValue>,
    #[serde(rename = "PRIORITY", borrow, default)]
    priority: Option<&'a RawValue>,
    #[serde(rename = "SYSLOG_IDENTIFIER", borrow, default)]
    identifier: Option<&'a RawValue>,
    #[serde(rename = "_HOSTNAME", borrow, default)]
    host: Option<&'a RawValue>,
    #[serde(rename = "_PID", borrow, default)]
    pid: Option<&'a RawValue>,
    #[serde(rename = "_UID", borrow, default)]
    uid: Option<&'a RawValue>,
    #[serde(rename = "_SYSTEMD_UNIT", borrow, default)]
    unit: Option<&'a RawValue>,
    #[serde(rename = "UNIT", borrow, default)]
    about_unit: Option<&'a RawValue>,
    #[serde(rename = "OBJECT_SYSTEMD_UNIT", borrow, default)]
    object_unit: Option<&'a RawValue>,
    #[serde(rename = "COREDUMP_UNIT", borrow, default)]
    dumped_unit: Option<&'a RawValue>,
}

/// A place in the journal: of which journal, and the entry's number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The journal's sequence of numbers.
    pub(super) sequence: &'a str,
    /// The number.
    pub(super) number: u64,
}

impl<'a> Place<'a> {
    /// The place that a cursor names.
    pub(super) fn parse(cursor: &'a str) -> Option<Self> {
        let part = |name: &str| {
            cursor
                .split(';')
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let sequence = part("s")?;
        let is_id = sequence.len() == 32 && sequence.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Behind each entry there is a place for another.
        let number = u64::from_str_radix(part("i")?, 16).ok();
        let number = number.filter(|number| *number < u64::MAX)?;
        is_id.then_some(Self { sequence, number })
    }
}

impl<'a> Entry<'a> {
    /// Reads one line.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    pub(super) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The message; `None` where there is no text.
    pub(super) fn message(&self) -> Option<&[u8]> {
        let Field(bytes) = self.message.as_ref()?;
        (!bytes.is_empty()).then_some(bytes)
    }

    pub(super) fn priority(&self) -> Option<u8> {
        text(self.priority)?
            .parse()
            .ok()
            .filter(|priority| *priority < 8)
    }

    /// When journald received it.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let micros: i64 = text(self.time)?.parse().ok()?;
        Some(Timestamp::from_millis(micros / 1000))
    }

    /// True if it comes from a unit that `is_wanted`, or tells of one as `journalctl --unit` sees it: only the service
    /// manager, root and the core dump handler are believed.
    pub(super) fn is_of_unit(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        let is = |field| text(field).is_some_and(|unit| is_wanted(&unit));
        let by_root = || text(self.uid).is_some_and(|uid| uid == "0");
        let by_manager = || text(self.pid).is_some_and(|pid| pid == "1");
        is(self.unit)
            || (is(self.about_unit) && by_manager())
            || (is(self.object_unit) && by_root())
            || (is(self.dumped_unit) && by_root())
    }

    /// What is known of it.
    pub(super) fn attributes(&self) -> Attributes {
        let priority = self.priority().unwrap_or(DEFAULT_PRIORITY);
        let mut known = Attributes::new();
        let mut add = |key: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                known.insert(key.to_owned(), value);
            }
        };
        let word = |field| text(field).map(serde_json::Value::from);
        let number = |field| {
            let text = text(field)?;
            let number = text.parse::<u64>().ok();
            Some(number.map_or_else(|| text.into(), serde_json::Value::from))
        };
        add("hostname", word(self.host));
        add("unit", word(self.unit).or_else(|| word(self.identifier)));
        add("priority", Some(priority.into()));
        add("opsSeverity", Some(severity(priority).into()));
        add("pid", number(self.pid));
        add("uid", number(self.uid));
        add("syslogIdentifier", word(self.identifier));
        add("cursor", Some(self.cursor().into()));
        add(
            "originalTimestamp",
            self.time().map(|time| time.to_string().into()),
        );
        known
    }
}

/// What a syslog priority means to people on call.
pub(super) const fn severity(priority: u8) -> &'static str {
    match priority {
        0..=2 => "critical",
        3 | 4 => "warning",
        _ => "info",
    }
}

/// The first value of a field, as text.
fn text(field: Option<&RawValue>) -> Option<String> {
    let Field(bytes) = serde_json::from_str(field?.get()).ok()?;
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    (!first.is_empty()).then(|| String::from_utf8_lossy(first).into_owned())
}

/// A field in any of its forms. Several values stand one to a line.
#[derive(Debug, PartialEq, Eq)]
struct Field<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Bytes).map(Self)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list of bytes, a list of such, or null")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text.as_bytes()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.as_bytes().to_vec()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string().into_bytes()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(&[]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut bytes = Vec::new();
        let mut is_first = true;
        while let Some(item) = list.next_element::<Item>()? {
            match item {
                Item::Byte(byte) => bytes.push(byte),
                Item::Value(value) => {
                    if !is_first {
                        bytes.push(b'\n');
                    }
                    bytes.extend_from_slice(&value);
                }
            }
            is_first = false;
        }
        Ok(Cow::Owned(bytes))
    }
}

/// One item of a list: a byte of the only value, or one value of several.
enum Item {
    Byte(u8),
    Value(Vec<u8>),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a byte, a string, a list of bytes, or null")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Item, E> {
        u8::try_from(number)
            .map(Item::Byte)
            .map_err(|_| E::custom("a number that is not a byte"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Value(text.as_bytes().to_vec()))
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        Ok(Item::Value(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Item, A::Error> {
        let mut bytes = Vec::new();
        loop {
            match list.next_element::<u8>() {
                Ok(Some(byte)) => bytes.push(byte),
                Ok(None) => return Ok(Item::Value(bytes)),
                Err(error) => {
                    // Whatever follows is passed over, so that the error is the list's own.
                    while let Ok(Some(IgnoredAny)) = list.next_element() {}
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
