//! Lines of a log as the API hands them out, each with the time that the node stamped on it.

use opspilot_core::clock::Timestamp;

/// The longest line, in bytes; what is longer is cut.
const LONGEST: usize = 64 << 10;

/// Cuts text into lines, however long they are.
#[derive(Debug, Default)]
pub(in super::super) struct Text {
    tail: Vec<u8>,
    is_cutting: bool,
}

impl Text {
    /// The whole lines that `bytes` brings, without their ends. `bytes` is empty afterwards.
    pub(in super::super) fn take(&mut self, bytes: &mut Vec<u8>) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_whole) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            if !self.is_cutting {
                let room = LONGEST.saturating_sub(self.tail.len());
                self.tail
                    .extend_from_slice(text.get(..room).unwrap_or(text));
                self.is_cutting = text.len() > room;
            }
            if is_whole {
                self.is_cutting = false;
                lines.push(std::mem::take(&mut self.tail));
            }
        }
        bytes.clear();
        lines
    }

    /// A last line without an end. A log that was cut off has half of one, which comes again: it is for ends alone.
    pub(in super::super) fn rest(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.tail);
        (!rest.is_empty()).then_some(rest)
    }
}

/// A line and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Line<'a> {
    /// Nanoseconds since 1970.
    pub(in super::super) time: u64,
    pub(in super::super) text: &'a [u8],
}

impl<'a> Line<'a> {
    /// `None` where no time is: the line is none of the container's, but the node's own ("unable to retrieve …").
    pub(in super::super) fn parse(line: &'a [u8]) -> Option<Self> {
        let at = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (stamp, text) = (line.get(..at)?, line.get(at + 1..).unwrap_or_default());
        let stamp = std::str::from_utf8(stamp).ok()?;
        let whole = Timestamp::parse(stamp).ok()?.as_millis().div_euclid(1000);
        let fraction = stamp.split_once('.').map_or("", |(_, rest)| rest);
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).take(9);
        let (count, value) = digits.fold((0, 0), |(count, value), digit| {
            (count + 1, value * 10 + u64::from(digit - b'0'))
        });
        let nanos = value * 10_u64.pow(9 - count);
        Some(Self {
            time: u64::try_from(whole)
                .ok()?
                .checked_mul(1_000_000_000)?
                .checked_add(nanos)?,
            text,
        })
    }

    /// A hash of the line: FNV-1a of 64 bits.
    pub(in super::super) fn hash(&self) -> u64 {
        self.text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn real_lines_have_their_time() {
        for (line, expected) in [
            (
                "2026-11-22T07:05:45.130306738Z ERROR upstream",
                Some((1_795_331_145_130_306_738, "ERROR upstream")),
            ),
            (
                "2026-11-22T07:05:45.5Z ",
                Some((1_795_331_145_500_000_000, "")),
            ),
            (
                "2026-11-22T07:05:45Z",
                Some((1_795_331_145_000_000_000, "")),
            ),
            (
                "2026-11-22T08:05:45.1+01:00 x y",
                Some((1_795_331_145_100_000_000, "x y")),
            ),
            (
                "unable to retrieve container logs for containerd://5c4793a8",
                None,
            ),
            ("", None),
        ] {
            let found = Line::parse(line.as_bytes())
                .map(|line| (line.time, std::str::from_utf8(line.text).unwrap()));
            assert_eq!(found, expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn lines_come_whole_in_any_pieces(lines in prop::collection::vec("[^\n]{0,30}", 0..20), step in 1_usize..40) {
            let all: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut text = Text::default();
            let mut found = Vec::new();
            for piece in all.as_bytes().chunks(step) {
                found.extend(text.take(&mut piece.to_vec()));
            }
            let expected: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(text.rest(), None);
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut text = Text::default();
        for _ in 0..100 {
            assert!(text.take(&mut vec![b'x'; 10_000]).is_empty());
            assert!(text.tail.len() <= LONGEST);
        }
        let lines = text.take(&mut b"y\nnext\n".to_vec());
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST, 4]);
    }
}
