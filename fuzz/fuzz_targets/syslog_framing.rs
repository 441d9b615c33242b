//! Any bytes as a stream of syslog messages: framing ends, keeps little, and does not depend on the pieces in which the
//! stream arrives. The first byte says how large the pieces are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opspilot_connectors::syslog::framing::{Found, Framer};

const LONGEST: usize = 48;

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
                    frames.push((buffer[frame.range].to_vec(), frame.is_cut));
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

fuzz_target!(|bytes: &[u8]| {
    let Some((size, stream)) = bytes.split_first() else {
        return;
    };
    assert_eq!(read(stream, usize::from(*size).max(1)), read(stream, stream.len().max(1)));
});
