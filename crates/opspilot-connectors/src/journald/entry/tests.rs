//! Entries as `journalctl` 252 prints them (`odd.json`, recorded from a journald of systemd 252 that was sent odd entries),
//! and anything.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ODD: &str = include_str!("odd.json");

#[test]
fn every_form_of_a_message_is_read() {
    let long = "x".repeat(5000);
    let expected: [Option<&[u8]>; 9] = [
        Some(b"plain"),
        Some(b"multi\nline"),
        Some(b"bin\xff\xfe\0x"),
        Some(b"one\ntwo"),
        Some(b"one\ntw\xffo"),
        Some(long.as_bytes()),
        None,
        None,
        Some("\u{1b}[31mred\u{1b}[0m \"q\" \\ é".as_bytes()),
    ];
    let found: Vec<Entry<'_>> = ODD
        .lines()
        .map(|line| Entry::parse(line.as_bytes()).unwrap())
        .collect();
    let messages: Vec<_> = found.iter().map(Entry::message).collect();
    assert_eq!(messages, expected);
    let numbers: Vec<_> = found
        .iter()
        .map(|entry| Place::parse(entry.cursor()).unwrap().number)
        .collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7, 8, 9, 10, 11]);
    let null = br#"{"__CURSOR":"s","MESSAGE":null,"PRIORITY":[51]}"#;
    let null = Entry::parse(null).unwrap();
    assert_eq!((null.message(), null.priority()), (None, Some(3)));
}

#[test]
fn attributes_are_those_of_the_contract() {
    let first = Entry::parse(ODD.lines().next().unwrap().as_bytes()).unwrap();
    let expected = json!({
        "hostname": "vm", "priority": 3, "opsSeverity": "warning", "pid": 20894, "uid": 0,
        "cursor": first.cursor(), "originalTimestamp": "2026-11-30T06:42:08.208Z",
    });
    assert_eq!(serde_json::Value::Object(first.attributes()), expected);
    let second = Entry::parse(ODD.lines().nth(1).unwrap().as_bytes()).unwrap();
    let attributes = second.attributes();
    assert_eq!(
        (&attributes["unit"], &attributes["syslogIdentifier"]),
        (&json!("one"), &json!("one"))
    );
    assert_eq!(
        (&attributes["priority"], &attributes["opsSeverity"]),
        (&json!(6), &json!("info"))
    );
}

#[test]
fn a_unit_is_believed_of_those_who_may_speak_for_it() {
    let is_web = |fields: &str| {
        let line = format!(r#"{{"__CURSOR":"s",{fields}}}"#);
        let entry = Entry::parse(line.as_bytes()).unwrap();
        entry.is_of_unit(|unit| unit == "web.service")
    };
    for (fields, expected) in [
        (r#""_SYSTEMD_UNIT":"web.service""#, true),
        (r#""_SYSTEMD_UNIT":"other.service""#, false),
        (r#""UNIT":"web.service","_PID":"1""#, true),
        (r#""UNIT":"web.service","_PID":"17""#, false),
        (r#""OBJECT_SYSTEMD_UNIT":"web.service","_UID":"0""#, true),
        (r#""COREDUMP_UNIT":"web.service","_UID":"1000""#, false),
        (r#""MESSAGE":"web.service""#, false),
    ] {
        assert_eq!(is_web(fields), expected, "{fields}");
    }
}

#[test]
fn what_is_no_cursor_is_no_place() {
    let id = "95c7ac927d384be185a3146f67ee5164";
    assert_eq!(
        Place::parse(&format!("s={id};i=1f;b=0")),
        Some(Place {
            sequence: id,
            number: 31
        })
    );
    for bad in [
        "",
        "s=;i=1",
        "s=95c7;i=1",
        &format!("s={id}"),
        &format!("s={id};i=xyz"),
        &format!("s={id};i=ffffffffffffffff"),
        "i=1;s=--file=x",
    ] {
        assert_eq!(Place::parse(bad), None, "{bad}");
    }
}

/// A message in the forms that the journal's JSON has.
fn form(values: &[Vec<u8>]) -> serde_json::Value {
    let one = |bytes: &Vec<u8>| {
        std::str::from_utf8(bytes).map_or_else(|_| json!(bytes), |text| json!(text))
    };
    match values {
        [only] => one(only),
        several => several.iter().map(one).collect(),
    }
}

proptest! {
    #[test]
    fn any_message_comes_back(values in prop::collection::vec(prop::collection::vec(1_u8.., 1..40), 1..4), is_ascii: bool) {
        let values: Vec<Vec<u8>> = values
            .into_iter()
            .map(|bytes| bytes.into_iter().map(|byte| if is_ascii { byte & 0x7f } else { byte }).collect())
            .collect();
        let line = json!({ "MESSAGE": form(&values), "__CURSOR": "s", "OTHER": [1, "x", null] }).to_string();
        let entry = Entry::parse(line.as_bytes()).unwrap();
        let expected = values.join(&b'\n');
        prop_assert_eq!(entry.message(), Some(expected.as_slice()));
    }

    #[test]
    fn no_line_is_too_odd(line in prop::collection::vec(any::<u8>(), 0..200), text in "\\{\"__CURSOR\":\"s\",\"(MESSAGE|PRIORITY|_PID)\":[\\[\\]0-9,\"a-z{}]{0,30}\\}") {
        for line in [line.as_slice(), text.as_bytes()] {
            if let Ok(entry) = Entry::parse(line) {
                entry.attributes();
                entry.message();
            }
        }
    }
}
