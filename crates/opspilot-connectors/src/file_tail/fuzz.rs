//! Any bytes as a log file.

use std::ops::Range;

use opspilot_core::signal::BufferPool;
use opspilot_core::testing::fuzz::Target;
use regex::bytes::Regex;

use super::multiline::Joiner;
use super::splitter::{Splitter, Until};
use super::stream::latin1::utf8_of_latin1;

/// Lines, joined and not, in pieces of any size: each record lies in what was given, no shorter than the splitter needs
/// to go on, and lines that are not joined do not depend on the pieces. The first byte says how large they are and how
/// lines are joined.
pub(crate) const LINES: Target = Target {
    name: "file_lines",
    seeds: &[
        b"\x05one\r\n\ntwo\rthree\nlast without end",
        b"\x42Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    x()\nValueError: no\nnext\n",
        b"\x43java.lang.IllegalStateException: no\n\tat a.b.C.d(C.java:7)\nCaused by: x\n\t... 3 more\nnext\n",
        b"\x44panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:3 +0x1\n\nthread 'main' panicked at src/a.rs:1:1:\nno\n",
        b"\xc5a\n b\n c\nd\n",
    ],
    run: lines,
};

const LONGEST: usize = 24;

fn lines(bytes: &[u8]) {
    let Some((way, text)) = bytes.split_first() else {
        return;
    };
    let size = usize::from(*way & 0x3f).max(1);
    let indented = Regex::new(r"^\s").expect("the pattern is right");
    let joiner = match way >> 6 {
        0 => None,
        1 => Some(Joiner::traces(5)),
        2 => Some(Joiner::start(indented, 3)),
        _ => Some(Joiner::continuing(indented, 3)),
    };
    let is_plain = joiner.is_none();
    let splitter = Splitter::new(LONGEST, joiner);
    let records = read(&splitter, text, size);
    if is_plain {
        assert_eq!(records, read(&splitter, text, text.len().max(1)));
    }
    let whole = 0..text.len();
    let whole = std::slice::from_ref(&whole);
    let (utf8, moved) = utf8_of_latin1(text, whole, &BufferPool::new(1));
    let read = std::str::from_utf8(&utf8).expect("ISO 8859-1 is always text");
    assert_eq!(read.chars().count(), text.len() + 1);
    assert_eq!(moved.len(), 1);
}

/// The records of a file that grows by `size` bytes at a time.
fn read(splitter: &Splitter, text: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (mut records, mut buffer) = (Vec::new(), Vec::new());
    let mut skipping = false;
    for piece in text.chunks(size) {
        buffer.extend_from_slice(piece);
        skipping = step(
            splitter,
            &mut buffer,
            (skipping, Until::Newline),
            &mut records,
        );
    }
    let was = buffer.len();
    step(splitter, &mut buffer, (skipping, Until::End), &mut records);
    assert!(
        buffer.is_empty(),
        "{was} bytes at the end, {} left",
        buffer.len()
    );
    records
}

fn step(
    splitter: &Splitter,
    buffer: &mut Vec<u8>,
    (skipping, until): (bool, Until),
    records: &mut Vec<Vec<u8>>,
) -> bool {
    let (mut last, mut found) = (0, Vec::new());
    let split = splitter.split(buffer, skipping, until, |range: Range<usize>| {
        assert!(last <= range.start && range.start < range.end);
        last = range.end;
        found.push(range);
    });
    assert!(last <= split.consumed && split.consumed <= buffer.len());
    for range in found {
        let text = buffer.get(range).expect("a record lies in the buffer");
        records.push(text.to_vec());
    }
    buffer.drain(..split.consumed);
    split.skipping
}
