//! Reading ISO 8859-1.

use std::ops::Range;

use opspilot_core::signal::BufferPool;

/// The records as UTF-8, each with a line feed behind it, and where they are. ISO 8859-1 is the first 256 characters
/// of Unicode.
pub(in super::super) fn utf8_of_latin1(
    buffer: &[u8],
    ranges: &[Range<usize>],
    pool: &BufferPool,
) -> (Vec<u8>, Vec<Range<usize>>) {
    let mut text = pool.take(buffer.len() + buffer.len() / 8);
    let mut moved = Vec::with_capacity(ranges.len());
    for range in ranges {
        let start = text.len();
        for &byte in buffer.get(range.clone()).unwrap_or_default() {
            text.extend_from_slice(char::from(byte).encode_utf8(&mut [0; 2]).as_bytes());
        }
        moved.push(start..text.len());
        text.push(b'\n');
    }
    (text, moved)
}
