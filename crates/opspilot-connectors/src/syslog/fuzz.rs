//! Any bytes as syslog.

use opspilot_core::clock::Timestamp;
use opspilot_core::testing::fuzz::Target;

use super::facts::describe;
use super::framing::{Found, Framer};
use super::header::{Grammar, Kind, scan};

/// A stream: framing ends, keeps little, and does not depend on the pieces in which the stream arrives. The first byte
/// says how large the pieces are.
pub(crate) const FRAMING: Target = Target {
    name: "syslog_framing",
    seeds: &[
        b"\x07<13>Oct 11 22:14:15 h a: one\n34 <13>Oct 11 22:14:15 h a: two\nlines<13>four\n8 <13>five<13>six",
        b"\x0199999999999 <13>too long",
    ],
    run: framing,
};

/// A message: its parts lie within it, and telling its facts does not fail.
pub(crate) const MESSAGE: Target = Target {
    name: "syslog_message",
    seeds: &[
        b"<27>1 2024-05-06T07:08:09.123Z web-1 nginx 77 - [meta@1 k=\"v\\]\"][b@2 c=\"d\"] \xef\xbb\xbftext",
        b"<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed for lonvick on /dev/pts/8",
        b"<13>2024-05-06T07:08:09+02:00 host tag text without a colon",
    ],
    run: message,
};

const LONGEST: usize = 48;

fn framing(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else {
        return;
    };
    let whole = read(stream, stream.len().max(1));
    assert_eq!(read(stream, usize::from(*size).max(1)), whole);
}

/// The frames of a stream that arrives in pieces of `size` bytes, and whether each was cut.
fn read(stream: &[u8], size: usize) -> Vec<(Vec<u8>, bool)> {
    let mut framer = Framer::new(LONGEST);
    let (mut frames, mut buffer) = (Vec::new(), Vec::new());
    let mut pieces = stream.chunks(size);
    loop {
        let piece = pieces.next();
        buffer.extend_from_slice(piece.unwrap_or_default());
        let mut at = 0;
        let used = loop {
            match framer.next(&buffer, at, piece.is_none()) {
                Found::Frame(frame, next) => {
                    assert!(next > at && next <= buffer.len());
                    let text = buffer.get(frame.range).expect("a frame lies in the buffer");
                    frames.push((text.to_vec(), frame.is_cut));
                    at = next;
                }
                Found::More(used) => break used,
            }
        };
        buffer.drain(..used);
        assert!(buffer.len() <= LONGEST + 11);
        if piece.is_none() {
            assert!(buffer.is_empty());
            return frames;
        }
    }
}

fn message(frame: &[u8]) {
    for grammar in [Grammar::Auto, Grammar::Rfc3164, Grammar::Rfc5424] {
        let header = scan(frame, grammar);
        assert!(header.message <= frame.len());
        assert!(header.kind != Kind::Bare || header.message == 0);
        let attributes = describe(frame, grammar, Timestamp::UNIX_EPOCH);
        let is_bare = header.kind == Kind::Bare;
        assert_eq!(attributes.contains_key("parseError"), is_bare);
    }
}
