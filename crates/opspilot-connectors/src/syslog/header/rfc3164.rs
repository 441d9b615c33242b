//! The header of RFC 3164, in the forms that senders give it.

use super::cursor::Cursor;
use super::{Header, Kind, Part};

/// The longest tag. RFC 3164 says 32; container names are longer.
const MAX_TAG: usize = 128;

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// `[TIME SP] [HOST SP] [TAG] MSG`.
pub(super) fn rfc3164(cursor: &mut Cursor<'_>) -> Header {
    cursor.skip_spaces();
    let begin = cursor.at;
    skip_router_marks(cursor);
    let time = time(cursor).unwrap_or_default();
    if time.is_absent() {
        cursor.at = begin;
    }
    let (host, tag) = host_and_tag(cursor, !time.is_absent());
    Header {
        kind: Kind::Rfc3164,
        time,
        host,
        tag,
        ..Header::bare()
    }
}

/// What routers put before the time: a sequence number and a colon, a colon, `*` or `.` for an unsure clock.
fn skip_router_marks(cursor: &mut Cursor<'_>) {
    for _ in 0..2 {
        let before = cursor.at;
        cursor.digits(10);
        if cursor.skip(b':') {
            cursor.skip_spaces();
        } else {
            cursor.at = before;
        }
    }
    let _ = cursor.skip(b'*') || cursor.skip(b'.');
}

/// Takes a time and what ends it.
fn time(cursor: &mut Cursor<'_>) -> Option<Part> {
    let start = cursor.at;
    let end = match cursor.peek()? {
        b'0'..=b'9' => iso_time(cursor)?,
        b'-' if cursor.word().of(cursor.frame) == b"-" => cursor.at + 1,
        _ => month_time(cursor)?,
    };
    cursor.at = end;
    let is_ended = cursor.skip(b':') | matches!(cursor.peek(), None | Some(b' ' | b'\t'));
    if !is_ended {
        return None;
    }
    cursor.skip_spaces();
    Some(Part { start, end })
}

fn iso_time(cursor: &Cursor<'_>) -> Option<usize> {
    let word = cursor.word();
    let bytes = word.of(cursor.frame);
    let bare = bytes.strip_suffix(b":").unwrap_or(bytes);
    is_iso(bare).then_some(word.start + bare.len())
}

/// True of `2024-01-02T03:04:05` and what begins so.
pub(super) fn is_iso(bytes: &[u8]) -> bool {
    let form = b"dddd-dd-ddTdd:dd:dd";
    bytes.len() >= form.len()
        && bytes.iter().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            form => byte == form,
        })
}

/// `Jan  2 03:04:05`, with a year before or behind the hour, a fraction and a zone where there are any.
fn month_time(cursor: &mut Cursor<'_>) -> Option<usize> {
    let month: [u8; 3] = cursor.rest().first_chunk().copied()?;
    MONTHS
        .iter()
        .find(|name| name.eq_ignore_ascii_case(&month))?;
    cursor.at += 3;
    if !matches!(cursor.peek()?, b' ' | b'\t') {
        return None;
    }
    cursor.skip_spaces();
    if cursor.digits(2) == 0 || cursor.peek() != Some(b' ') {
        return None;
    }
    cursor.skip_spaces();
    let mut hours = cursor.digits(4);
    if hours == 4 && cursor.skip(b' ') {
        cursor.skip_spaces();
        hours = cursor.digits(2);
    }
    let is_clock = (1..=2).contains(&hours)
        && cursor.skip(b':')
        && cursor.digits(2) == 2
        && cursor.skip(b':')
        && cursor.digits(2) == 2;
    if !is_clock {
        return None;
    }
    if matches!(cursor.peek(), Some(b'.' | b',')) {
        cursor.at += 1;
        cursor.digits(9);
    }
    skip_zone(cursor);
    Some(cursor.at)
}

/// Takes ` UTC` where a colon follows it, as routers write it.
fn skip_zone(cursor: &mut Cursor<'_>) {
    let before = cursor.at;
    if cursor.skip(b' ') {
        let letters = cursor
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase());
        let count = letters.count();
        cursor.at += count;
        if (2..=5).contains(&count) && cursor.peek() == Some(b':') {
            return;
        }
    }
    cursor.at = before;
}

fn host_and_tag(cursor: &mut Cursor<'_>, is_timed: bool) -> (Part, Part) {
    let none = Part::default();
    if let Some(tag) = tag(cursor) {
        return (none, tag);
    }
    let before = cursor.at;
    let Some(host) = cursor
        .take_word()
        .filter(|host| is_host(host.of(cursor.frame)))
    else {
        cursor.at = before;
        return (none, none);
    };
    let has_process = cursor.word().of(cursor.frame).contains(&b'[');
    let tag = (is_timed || has_process).then(|| tag(cursor)).flatten();
    let is_alone = cursor.rest().is_empty() && tag.is_none();
    if is_alone || (!is_timed && tag.is_none()) {
        cursor.at = before;
        return (none, none);
    }
    if cursor.word().of(cursor.frame) == b":" {
        cursor.at += 1;
        cursor.skip_spaces();
    }
    (host, tag.unwrap_or_default())
}

fn is_host(word: &[u8]) -> bool {
    word.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b".:-_@/[]%".contains(byte) || *byte >= 128)
        && word.first() != Some(&b'%')
        && (word.last() != Some(&b':') || word.ends_with(b"::"))
}

/// Takes `name[process]:`, `name[process]` or `name:` and the spaces behind. The mnemonics of routers (`%SYS-5-…:`) are
/// no tags: rules look for them.
fn tag(cursor: &mut Cursor<'_>) -> Option<Part> {
    let word = cursor.word().of(cursor.frame);
    let name = word
        .iter()
        .take(MAX_TAG)
        .take_while(|byte| !b":[".contains(byte));
    let name = name.count();
    if name == 0 || word.first() == Some(&b'%') {
        return None;
    }
    let end = match word.get(name)? {
        b'[' => {
            let inner = word.get(name + 1..)?;
            let process = inner.iter().take(MAX_TAG).position(|byte| *byte == b']')?;
            let end = name + process + 2;
            let is_ended = matches!(word.get(end), None | Some(b':'));
            (process > 0 && is_ended).then_some(end)?
        }
        b':' if name + 1 == word.len() => name,
        _ => return None,
    };
    let tag = Part {
        start: cursor.at,
        end: cursor.at + end,
    };
    cursor.at = tag.end;
    cursor.skip(b':');
    cursor.skip_spaces();
    Some(tag)
}
