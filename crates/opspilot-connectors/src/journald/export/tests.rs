//! Entries as `journalctl --output=export` writes them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const LONGEST: usize = 16;

/// What becomes of `bytes` that come in pieces of so many.
fn lines(bytes: &[u8], piece: usize) -> Vec<Value> {
    let mut export = Export::new(LONGEST);
    let mut out = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        export.read(part, &mut out);
        assert!(export.part.len() <= LONGEST + EXCESS + NAME);
    }
    let read = |line: &[u8]| serde_json::from_slice(line).unwrap_or(Value::Null);
    let whole = out.strip_suffix(b"\n").unwrap_or(&out);
    let lines = whole.split(|byte| *byte == b'\n');
    lines.filter(|line| !line.is_empty()).map(read).collect()
}

/// A field with its length before it.
fn binary(name: &str, value: &[u8]) -> Vec<u8> {
    let length = (value.len() as u64).to_le_bytes();
    [name.as_bytes(), b"\n", &length, value, b"\n"].concat()
}

#[test]
fn fields_of_both_forms_are_read_however_they_are_cut() {
    let bytes = [
        &b"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1771588800000000\n__MONOTONIC_TIMESTAMP=7\n"[..],
        b"PRIORITY=3\nOTHER=x\n",
        &binary("MESSAGE", b"two\nlines = x\n\n"),
        b"_SYSTEMD_UNIT=a\n_SYSTEMD_UNIT=b\n\n",
        b"__CURSOR=s=1;i=3\n",
        &binary("MESSAGE", b"\xff\x1b"),
        &binary("SYSLOG_IDENTIFIER", b""),
        b"\n",
    ]
    .concat();
    let expected = [
        json!({
            "__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1771588800000000",
            "MESSAGE": ["two\nlines = x\n\n"], "PRIORITY": ["3"], "_SYSTEMD_UNIT": ["a", "b"],
        }),
        json!({
            "__CURSOR": "s=1;i=3", "__REALTIME_TIMESTAMP": "",
            "MESSAGE": [[255, 27]], "SYSLOG_IDENTIFIER": [""],
        }),
    ];
    for piece in 1..=bytes.len() {
        assert_eq!(lines(&bytes, piece), expected, "pieces of {piece}");
    }
}

#[test]
fn of_a_long_value_no_more_is_kept_than_shows_that_it_was_long() {
    let long = vec![b'x'; 10_000];
    let kept = "x".repeat(LONGEST + EXCESS);
    for field in [
        binary("MESSAGE", &long),
        [b"MESSAGE=", &long[..], b"\n"].concat(),
    ] {
        let bytes = [&b"__CURSOR=c\n"[..], &field, b"PRIORITY=1\n\n"].concat();
        for piece in [1, 100, bytes.len()] {
            let found = lines(&bytes, piece);
            assert_eq!(found[0]["MESSAGE"], json!([kept]), "pieces of {piece}");
            assert_eq!(found[0]["PRIORITY"], json!(["1"]));
        }
    }
}

#[test]
fn a_text_that_is_cut_stays_a_text() {
    let long = format!("x{}", "ä".repeat(10_000));
    let kept = format!("x{}", "ä".repeat((LONGEST + EXCESS - 1) / 2));
    for field in [
        binary("MESSAGE", long.as_bytes()),
        format!("MESSAGE={long}\n").into_bytes(),
    ] {
        let bytes = [&b"__CURSOR=c\n"[..], &field, b"\n"].concat();
        for piece in [1, 100, bytes.len()] {
            let found = lines(&bytes, piece);
            assert_eq!(found[0]["MESSAGE"], json!([kept]), "pieces of {piece}");
        }
    }
}

#[test]
fn what_is_no_entry_is_counted_and_what_is_half_is_not_told() {
    let bytes = b"oops, that is an error\n\nMESSAGE=nobody's\n\n__CURSOR=c\nMESSAGE=m\n\n__CURSOR=half\nMESSAGE=h";
    let found = lines(bytes, 7);
    assert_eq!(found[0], Value::Null);
    assert_eq!(found[1]["MESSAGE"], json!(["m"]));
    assert_eq!(found.len(), 2, "{found:?}");
}

proptest! {
    #[test]
    fn pieces_do_not_matter(bytes: Vec<u8>, piece in 1_usize..40) {
        prop_assert_eq!(lines(&bytes, piece), lines(&bytes, bytes.len()));
    }
}
