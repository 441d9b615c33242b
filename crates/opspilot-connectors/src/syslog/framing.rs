//! Where messages begin and end in a stream of bytes.
//!
//! RFC 6587 knows two ways, and which one a sender uses is found out anew for each message: octet counting (section
//! 3.4.1: the length in digits, a space, the message, which may hold line feeds) and non-transparent framing (section
//! 3.4.2: a line feed, or a NUL, behind the message). Digits count only when a space and a `<` follow, because without
//! these they are text.

use std::ops::Range;

/// The most digits of a length; longer ones are text.
const MAX_DIGITS: usize = 10;

/// Finds messages in a stream that arrives in pieces.
#[derive(Debug, Clone)]
pub struct Framer {
    longest: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A message begins.
    Between,
    /// The rest of a message that was too long, up to its line end.
    SkippingLine,
    /// The rest of a counted message that was too long: so many bytes.
    SkippingCounted(u64),
}

/// A message in a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it is, without count and line end.
    pub range: Range<usize>,
    /// It was longer than allowed, or the stream ended within it.
    pub is_cut: bool,
}

/// What was found from some place of a buffer on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A message, and where to look for the next.
    Frame(Frame, usize),
    /// No whole message: what is from this place on is needed again, together with what follows.
    More(usize),
}

/// The length of a counted message, as far as it is known.
enum Count {
    /// It is this long, from that place on.
    Is(u64, usize),
    /// It is not counted.
    None,
    /// More bytes are needed.
    Unknown,
}

impl Framer {
    /// Messages are at most `longest` bytes; longer ones are cut.
    #[must_use]
    pub const fn new(longest: usize) -> Self {
        Self {
            longest,
            state: State::Between,
        }
    }

    /// True if the rest of a message that was cut is passed over.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.state != State::Between
    }

    /// Looks for the next message in `buffer` from `at` on. `is_end` says that no more bytes will follow.
    pub fn next(&mut self, buffer: &[u8], at: usize, is_end: bool) -> Found {
        let Some(at) = self.skip(buffer, at) else {
            return Found::More(buffer.len());
        };
        let rest = buffer.get(at..).unwrap_or_default();
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r' | 0));
        let at = at + blank.count();
        match count(buffer, at) {
            _ if at >= buffer.len() => Found::More(at),
            Count::Is(length, from) => self.counted(buffer, (at, from), length, is_end),
            Count::Unknown if !is_end => Found::More(at),
            Count::Unknown | Count::None => self.line(buffer, at, is_end),
        }
    }

    /// Where the next message begins, if that is in the buffer.
    fn skip(&mut self, buffer: &[u8], at: usize) -> Option<usize> {
        let rest = buffer.get(at..).unwrap_or_default();
        let skipped = match self.state {
            State::Between => 0,
            State::SkippingLine => line_end(rest)? + 1,
            State::SkippingCounted(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                self.state = State::SkippingCounted(left - here as u64);
                if left > here as u64 {
                    return None;
                }
                here
            }
        };
        self.state = State::Between;
        Some(at + skipped)
    }

    fn counted(
        &mut self,
        buffer: &[u8],
        (at, from): (usize, usize),
        length: u64,
        is_end: bool,
    ) -> Found {
        let available = buffer.len() - from;
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let kept = wanted.min(self.longest);
        if available < kept {
            return if is_end {
                frame(buffer, from..buffer.len(), true, buffer.len())
            } else {
                Found::More(at)
            };
        }
        if kept < wanted {
            self.state = State::SkippingCounted(length - kept as u64);
        }
        frame(buffer, from..from + kept, kept < wanted, from + kept)
    }

    fn line(&mut self, buffer: &[u8], at: usize, is_end: bool) -> Found {
        let rest = buffer.get(at..).unwrap_or_default();
        match line_end(rest) {
            Some(end) if end <= self.longest => frame(buffer, at..at + end, false, at + end + 1),
            Some(end) => frame(buffer, at..at + self.longest, true, at + end + 1),
            None if rest.len() > self.longest => {
                self.state = State::SkippingLine;
                frame(buffer, at..at + self.longest, true, buffer.len())
            }
            None if is_end => frame(buffer, at..buffer.len(), false, buffer.len()),
            None => Found::More(at),
        }
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', 0, bytes)
}

fn frame(buffer: &[u8], range: Range<usize>, is_cut: bool, next: usize) -> Found {
    let range = trimmed(buffer, range);
    Found::Frame(Frame { range, is_cut }, next)
}

/// The range without white space and NULs at its end.
pub fn trimmed(buffer: &[u8], range: Range<usize>) -> Range<usize> {
    let bytes = buffer.get(range.clone()).unwrap_or_default();
    let is_blank = |byte: &&u8| byte.is_ascii_whitespace() || **byte == 0;
    let blank = bytes.iter().rev().take_while(is_blank).count();
    range.start..range.end - blank
}

/// Reads `MSG-LEN SP` before a `<`.
fn count(buffer: &[u8], at: usize) -> Count {
    let rest = buffer.get(at..).unwrap_or_default();
    if !matches!(rest.first(), Some(b'1'..=b'9')) {
        return Count::None;
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > MAX_DIGITS {
        return Count::None;
    }
    match (rest.get(digits), rest.get(digits + 1)) {
        (None, _) | (Some(b' '), None) => Count::Unknown,
        (Some(b' '), Some(b'<')) => {
            let length = rest.iter().take(digits).fold(0, |length: u64, digit| {
                length * 10 + u64::from(digit - b'0')
            });
            Count::Is(length, at + digits + 1)
        }
        _ => Count::None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `pieces` and collects the messages, with a mark behind those that were cut.
    fn read(longest: usize, pieces: &[&[u8]]) -> Vec<String> {
        let mut framer = Framer::new(longest);
        let (mut frames, mut buffer) = (Vec::new(), Vec::new());
        for index in 0..=pieces.len() {
            let is_end = index == pieces.len();
            buffer.extend_from_slice(pieces.get(index).copied().unwrap_or_default());
            let mut at = 0;
            loop {
                match framer.next(&buffer, at, is_end) {
                    Found::Frame(frame, next) => {
                        assert!(next > at && next <= buffer.len(), "{at} {next}");
                        let text = String::from_utf8_lossy(&buffer[frame.range]).into_owned();
                        frames.push(text + if frame.is_cut { "…" } else { "" });
                        at = next;
                    }
                    Found::More(needed) => {
                        buffer.drain(..needed);
                        break;
                    }
                }
            }
            assert!(buffer.len() <= longest + MAX_DIGITS + 1);
        }
        assert!(buffer.is_empty(), "{buffer:?} is left");
        frames
    }

    fn check(longest: usize, text: &str, expected: &[&str]) {
        assert_eq!(
            read(longest, &[text.as_bytes()]),
            expected,
            "{text:?} at once"
        );
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read(longest, &bytes), expected, "{text:?} bytewise");
    }

    #[test]
    fn both_framings_are_told_apart_for_each_message() {
        check(99, "<1>a\n<2>b\r\n\n\n<3>c", &["<1>a", "<2>b", "<3>c"]);
        check(
            99,
            "4 <1>a7 <2>b\nb\n5 <3>c\n",
            &["<1>a", "<2>b\nb", "<3>c"],
        );
        check(99, "4 <1>a<2>b\n4 <3>c", &["<1>a", "<2>b", "<3>c"]);
        check(99, "<1>a\0<2>b\0", &["<1>a", "<2>b"]);
    }

    #[test]
    fn digits_without_a_message_are_text() {
        check(99, "42\n42 dogs\n4x<1>\n", &["42", "42 dogs", "4x<1>"]);
        check(99, "99999999999 <1>a\n", &["99999999999 <1>a"]);
        check(99, "0 <1>a\n42", &["0 <1>a", "42"]);
    }

    #[test]
    fn lies_about_the_length_end_with_the_stream_or_the_line() {
        check(99, "6 <1>abc\n<2>d\n", &["<1>abc", "<2>d"]);
        check(99, "4 <1>abc\n<2>d\n", &["<1>a", "bc", "<2>d"]);
        check(99, "80 <1>a\n<2>b\n", &["<1>a\n<2>b…"]);
        check(8, "9999999999 <1>abcdefghij", &["<1>abcde…"]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_its_rest_passed_over() {
        check(6, "<1>abcdef\n<2>b\n", &["<1>abc…", "<2>b"]);
        check(6, "9 <1>abcdef4 <2>b", &["<1>abc…", "<2>b"]);
        check(6, "<1>abcdef", &["<1>abc…"]);
        check(6, "<1>abc\n", &["<1>abc"]);
    }

    proptest! {
        /// Whole messages of either framing come out as they went in, however the stream is cut into pieces.
        #[test]
        fn pieces_do_not_matter(
            messages in prop::collection::vec((any::<bool>(), "[a-z0-9 <>\n]{0,40}"), 0..20),
            sizes in prop::collection::vec(1..50usize, 1..50),
        ) {
            let (mut stream, mut expected) = (Vec::new(), Vec::new());
            for (counted, text) in messages {
                let text = if counted { text } else { text.replace('\n', " ") };
                let message = format!("<13>{text}");
                if counted {
                    stream.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
                } else {
                    stream.extend_from_slice(format!("{message}\n").as_bytes());
                }
                expected.push(message.trim_end().to_owned());
            }
            let (mut pieces, mut rest) = (Vec::new(), stream.as_slice());
            for size in sizes.into_iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            prop_assert_eq!(read(64, &pieces), expected);
        }

        /// Arbitrary bytes are framed alike in one piece and in many, and memory stays bounded.
        #[test]
        fn arbitrary_bytes_are_framed_alike_in_any_pieces(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'<'), Just(b' '), Just(b'\n'), b'0'..=b'9'], 0..300),
            size in 1..20usize,
        ) {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(read(24, &[&bytes]), read(24, &pieces));
        }
    }
}
