//! The header of RFC 5424.

use super::cursor::Cursor;
use super::rfc3164::is_iso;
use super::{Header, Kind, Part};

/// `VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG]`, RFC 5424 section 6.
/// Structured data that is missing counts as `-`, and more than one space as one.
pub(super) fn rfc5424(cursor: &mut Cursor<'_>) -> Option<Header> {
    let version = cursor.digits(3);
    if version == 0 || !cursor.skip(b' ') {
        return None;
    }
    cursor.skip_spaces();
    let time = cursor.take_word()?;
    if !is_iso(time.of(cursor.frame)) && time.of(cursor.frame) != b"-" {
        return None;
    }
    let host = cursor.take_word()?;
    let (_app, _process, _id) = (
        cursor.take_word()?,
        cursor.take_word()?,
        cursor.take_word()?,
    );
    let data = structured_data(cursor);
    cursor.skip_spaces();
    if cursor.rest().starts_with(b"\xEF\xBB\xBF") {
        cursor.at += 3;
    }
    Some(Header {
        kind: Kind::Rfc5424,
        time,
        host,
        data,
        ..Header::bare()
    })
}

/// Takes `-` or elements in brackets. Where these are not well-formed nothing is taken: they stay in the message.
fn structured_data(cursor: &mut Cursor<'_>) -> Part {
    let start = cursor.at;
    if cursor.word().of(cursor.frame) == b"-" {
        cursor.at += 1;
        return Part::default();
    }
    let mut end = start;
    while let Some(length) = element(cursor.frame.get(end..).unwrap_or_default()) {
        end += length;
    }
    let is_ended = matches!(cursor.frame.get(end), None | Some(b' '));
    if !is_ended {
        return Part::default();
    }
    cursor.at = end;
    Part { start, end }
}

/// The length of the element that `rest` begins with: `[ID NAME="VALUE" …]`. In a value `"`, `\` and `]` are escaped.
fn element(rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'[') || !rest.get(1)?.is_ascii_graphic() {
        return None;
    }
    let mut at = 1;
    let mut is_quoted = false;
    loop {
        let within = rest.get(at..)?;
        let found = if is_quoted {
            memchr::memchr2(b'"', b'\\', within)?
        } else {
            memchr::memchr3(b'"', b']', b'\n', within)?
        };
        at += found + 1;
        match within.get(found)? {
            b'"' => is_quoted = !is_quoted,
            b'\\' => at += 1,
            b']' => return Some(at),
            _ => return None,
        }
    }
}
