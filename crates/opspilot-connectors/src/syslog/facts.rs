//! What is known of a message besides its text: worked out only when a rule matched.
//!
//! `header` says where the parts of a header are; the library `syslog_loose` says what they mean. It is given a header in
//! the strictest form of its RFC, because it takes words of the message for a tag where it cannot be sure.

use std::net::SocketAddr;

use opspilot_core::clock::Timestamp;
use opspilot_core::signal::{Attributes, Facts, LogBatch};
use serde_json::{Map, Value};
use syslog_loose::{Message, Variant, parse_message_with_year_exact};

use super::header::{Grammar, Header, Kind, scan};

/// What a batch of syslog messages knows of each.
#[derive(Debug, Clone)]
pub(super) struct SyslogFacts {
    /// How headers are read.
    pub(super) grammar: Grammar,
    /// The position of the first byte of the buffer.
    pub(super) base: u64,
    /// The messages that are not whole, by index, ascending.
    pub(super) cut: Vec<u32>,
    /// Who sent the message at an index and those behind it; empty where the source says it of all.
    pub(super) peers: Vec<(u32, SocketAddr)>,
}

/// The names of facilities, RFC 5424 section 6.2.1, as syslog programs write them.
const FACILITIES: [&str; 24] = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

/// The names of severities, RFC 5424 section 6.2.1, and what they are to rules.
const SEVERITIES: [(&str, &str); 8] = [
    ("emerg", "critical"),
    ("alert", "critical"),
    ("crit", "critical"),
    ("err", "warning"),
    ("warning", "warning"),
    ("notice", "info"),
    ("info", "info"),
    ("debug", "info"),
];

impl Facts for SyslogFacts {
    fn of(&self, batch: &LogBatch, index: usize) -> Attributes {
        let mut attributes = Map::new();
        let narrow = u32::try_from(index).unwrap_or(u32::MAX);
        if self.cut.binary_search(&narrow).is_ok() {
            attributes.insert("truncated".to_owned(), Value::from(true));
        }
        let behind = self.peers.partition_point(|(first, _)| *first <= narrow);
        if let Some((_, peer)) = self.peers.get(behind.wrapping_sub(1)) {
            attributes.insert("remoteAddress".to_owned(), Value::from(peer.to_string()));
        }
        if let Some(frame) = self.frame(batch, index) {
            attributes.extend(describe(frame, self.grammar, batch.received_at()));
        }
        attributes
    }
}

impl SyslogFacts {
    /// The whole message, which begins at its position and ends with its record.
    fn frame<'a>(&self, batch: &'a LogBatch, index: usize) -> Option<&'a [u8]> {
        let buffer = batch.buffer();
        let record = batch.get(index)?;
        let start = usize::try_from(record.position.checked_sub(self.base)?).ok()?;
        let end = batch.range(index)?.end;
        buffer.get(start..end)
    }
}

/// What a message says of itself, as attributes. `now` tells the year of a time that has none.
#[must_use]
pub fn describe(frame: &[u8], grammar: Grammar, now: Timestamp) -> Attributes {
    let mut attributes = Attributes::new();
    let mut set = |key: &str, value: Value| {
        attributes.insert(key.to_owned(), value);
    };
    let header = scan(frame, grammar);
    let rfc = match header.kind {
        Kind::Bare => {
            set("parseError", Value::from("no syslog header"));
            return attributes;
        }
        Kind::Rfc3164 => "3164",
        Kind::Rfc5424 => "5424",
    };
    let (facility, severity) = (header.priority >> 3, header.priority & 7);
    set("rfc", Value::from(rfc));
    set("priority", Value::from(header.priority));
    if let Some(name) = FACILITIES.get(usize::from(facility)) {
        set("facility", Value::from(*name));
    }
    if let Some((name, ours)) = SEVERITIES.get(usize::from(severity)) {
        set("severity", Value::from(*name));
        set("opsSeverity", Value::from(*ours));
    }
    let whole = strict(frame, &header, true);
    let year = |date| year_of(date, now);
    let variant = match header.kind {
        Kind::Rfc5424 => Variant::RFC5424,
        Kind::Rfc3164 | Kind::Bare => Variant::RFC3164,
    };
    let timeless = strict(frame, &header, false);
    // A time that is no date, like the 31st of February, must not hide the rest.
    let message = parse_message_with_year_exact(&whole, year, variant)
        .or_else(|_| parse_message_with_year_exact(&timeless, year, variant));
    if let Ok(message) = message {
        fields(&message, set);
    }
    attributes
}

fn fields(message: &Message<&str>, mut set: impl FnMut(&str, Value)) {
    let texts = [
        ("hostname", message.hostname.map(str::to_owned)),
        ("appName", message.appname.map(str::to_owned)),
        ("pid", message.procid.as_ref().map(ToString::to_string)),
        ("msgId", message.msgid.map(str::to_owned)),
        (
            "originalTimestamp",
            message
                .timestamp
                .map(|time| Timestamp::from_millis(time.timestamp_millis()).to_string()),
        ),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            set(key, Value::from(text));
        }
    }
    let mut elements: Map<String, Value> = Map::new();
    for element in &message.structured_data {
        let parameters = element.params();
        let parameters = parameters.map(|(name, value)| ((*name).to_owned(), Value::from(value)));
        elements.insert(element.id.to_owned(), Value::Object(parameters.collect()));
    }
    if !elements.is_empty() {
        set("structuredData", Value::Object(elements));
    }
}

/// The header in the strictest form of its RFC, without a message, and without its time if that is not wanted.
fn strict(frame: &[u8], header: &Header, with_time: bool) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let or_nil = |bytes: &[u8]| match bytes {
        [] => "-".to_owned(),
        bytes => text(bytes),
    };
    let time = if with_time {
        or_nil(header.time.of(frame))
    } else {
        "-".to_owned()
    };
    let priority = header.priority;
    if header.kind == Kind::Rfc3164 {
        let host = or_nil(header.host.of(frame));
        // With an absent tag in its place the library loses the host.
        let tag = text(header.tag.of(frame));
        return format!("<{priority}>{} {host} {tag}", whole_seconds(&time));
    }
    let head = text(header.head.of(frame));
    let mut words = head.split_ascii_whitespace().skip(2).take(4);
    let mut word = || words.next().unwrap_or("-").to_owned();
    let (host, app, process, id) = (word(), word(), word(), word());
    let data = or_nil(header.data.of(frame));
    format!("<{priority}>1 {time} {host} {app} {process} {id} {data}")
}

/// A time like `Jan  2 03:04:05.678 UTC` without what is behind the seconds, which the library does not read.
fn whole_seconds(time: &str) -> &str {
    let is_month = time.starts_with(|first: char| first.is_ascii_alphabetic());
    let colon = time.rfind(':').filter(|_| is_month);
    colon
        .and_then(|colon| time.get(..colon + 3))
        .unwrap_or(time)
}

/// The year of a date without one: that which brings it nearest to now.
fn year_of((month, ..): syslog_loose::IncompleteDate, now: Timestamp) -> i32 {
    let now = now.to_string();
    let part = |range: std::ops::Range<usize>| now.get(range).and_then(|text| text.parse().ok());
    let (year, this_month) = (part(0..4).unwrap_or(1970), part(5..7).unwrap_or(1));
    let ahead = i32::try_from(month).unwrap_or(1) - this_month;
    match ahead {
        7.. => year - 1,
        ..=-7 => year + 1,
        _ => year,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(frame: &str, expected: Value) {
        let now = Timestamp::parse("2026-01-01T12:00:00Z").unwrap();
        let mut attributes = describe(frame.as_bytes(), Grammar::Auto, now);
        let time = attributes.remove("originalTimestamp");
        if let Some(wanted) = expected.get("originalTimestamp") {
            assert_eq!(time.as_ref(), Some(wanted), "{frame}");
        }
        let mut expected = expected;
        expected
            .as_object_mut()
            .unwrap()
            .remove("originalTimestamp");
        assert_eq!(Value::Object(attributes), expected, "{frame}");
    }

    #[test]
    fn all_fields_of_rfc_5424_are_told() {
        check(
            r#"<165>1 2003-10-11T22:14:15.003Z host app 77 ID47 [a@1 v="x\"] y" w=""][b@1 c="d"] text"#,
            json!({
                "rfc": "5424", "priority": 165, "facility": "local4", "severity": "notice", "opsSeverity": "info",
                "hostname": "host", "appName": "app", "pid": "77", "msgId": "ID47",
                "originalTimestamp": "2003-10-11T22:14:15.003Z",
                "structuredData": {"a@1": {"v": "x\"] y", "w": ""}, "b@1": {"c": "d"}},
            }),
        );
        check(
            "<11>1 - - - - - no data",
            json!({"rfc": "5424", "priority": 11, "facility": "user", "severity": "err", "opsSeverity": "warning"}),
        );
    }

    #[test]
    fn the_words_of_rfc_3164_are_told_apart() {
        let base = json!({"rfc": "3164", "priority": 34, "facility": "auth", "severity": "crit", "opsSeverity": "critical"});
        let with = |more: Value| {
            let mut all = base.clone();
            all.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            all
        };
        check(
            "<34>Oct 11 22:14:15 web-1 su[7]: text",
            with(json!({"hostname": "web-1", "appName": "su", "pid": "7"})),
        );
        check(
            "<34>Oct 11 22:14:15 su: text",
            with(json!({"appName": "su"})),
        );
        check(
            "<34>Feb 31 22:14:15 web-1 some words",
            with(json!({"hostname": "web-1"})),
        );
        check(
            "<34>2024-05-06T07:08:09.5+02:00 web-1 su: text",
            with(
                json!({"hostname": "web-1", "appName": "su", "originalTimestamp": "2024-05-06T05:08:09.500Z"}),
            ),
        );
        check("<34>text", with(json!({})));
        check("text", json!({"parseError": "no syslog header"}));
    }

    #[test]
    fn a_year_is_guessed_from_the_time_of_arrival() {
        let year = |month, now: &str| year_of((month, 1, 0, 0, 0), Timestamp::parse(now).unwrap());
        assert_eq!(year(12, "2026-01-01T00:00:05Z"), 2025);
        assert_eq!(year(1, "2026-01-01T00:00:05Z"), 2026);
        assert_eq!(year(1, "2025-12-31T23:59:59Z"), 2026);
        assert_eq!(year(6, "2025-11-30T00:00:00Z"), 2025);
    }

    #[test]
    fn fractions_and_zones_are_left_out() {
        assert_eq!(whole_seconds("Mar  1 18:46:11.123 UTC"), "Mar  1 18:46:11");
        assert_eq!(
            whole_seconds("2024-05-06T07:08:09Z"),
            "2024-05-06T07:08:09Z"
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_is_told(
            start in prop_oneof![
                Just("<13>Oct 11 22:14:15 "), Just("<13>1 2024-05-06T07:08:09Z h a - - ["), Just("<13>Feb 99 9999 99:99:99 "),
                Just("<13>2024-99-99T99:99:99 "), Just("<13>"), Just(""),
            ],
            rest in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'['), Just(b':'), Just(b' '), Just(b'=')], 0..80),
        ) {
            let frame = [start.as_bytes(), &rest].concat();
            for grammar in [Grammar::Auto, Grammar::Rfc3164, Grammar::Rfc5424] {
                let attributes = describe(&frame, grammar, Timestamp::UNIX_EPOCH);
                let is_bare = scan(&frame, grammar).kind == Kind::Bare;
                prop_assert_eq!(attributes.contains_key("parseError"), is_bare);
            }
        }
    }
}
