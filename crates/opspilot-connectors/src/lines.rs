//! Lines out of a stream of bytes, however long they are.
//!
//! A field of a journal entry may have hundreds of megabytes, an object of a cluster a few. A line that grows too long is trimmed while it arrives: its
//! long strings and lists are cut, and it stays JSON where its lists hold no objects.

/// Cuts bytes into whole lines.
#[derive(Debug)]
pub(crate) struct Lines {
    raw: Vec<u8>,
    /// No line end is before this.
    seen: usize,
    /// The last line is being trimmed, from its start on.
    trimmer: Option<Trimmer>,
    /// A longer line is trimmed …
    longest_line: usize,
    /// … to values of this length.
    longest_value: usize,
}

impl Lines {
    /// Keeps values of `longest_value` encoded bytes whole.
    pub(crate) const fn new(longest_value: usize) -> Self {
        Self {
            raw: Vec::new(),
            seen: 0,
            trimmer: None,
            longest_line: longest_value + (64 << 10),
            longest_value,
        }
    }

    /// Where to read more bytes into, behind what is there.
    pub(crate) const fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.raw
    }

    /// The whole lines that arrived, each with its line end.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        self.trim();
        let fresh = self.raw.get(self.seen..)?;
        let Some(last) = memchr::memrchr(b'\n', fresh) else {
            self.seen = self.raw.len();
            if self.trimmer.is_none() && self.raw.len() > self.longest_line {
                self.trimmer = Some(Trimmer::new(self.longest_value));
                self.seen = 0;
                self.trim();
            }
            return None;
        };
        let rest = self.raw.split_off(self.seen + last + 1);
        self.seen = 0;
        Some(std::mem::replace(&mut self.raw, rest))
    }

    /// Trims what was not seen of a line that is too long.
    fn trim(&mut self) {
        let Some(trimmer) = &mut self.trimmer else {
            return;
        };
        let (mut kept, mut at) = (self.seen, self.seen);
        while let Some(byte) = self.raw.get(at).copied() {
            if byte == b'\n' {
                self.trimmer = None;
                break;
            }
            at += 1;
            if trimmer.keeps(byte)
                && let Some(place) = self.raw.get_mut(kept)
            {
                *place = byte;
                kept += 1;
            }
        }
        self.raw.drain(kept..at);
        self.seen = kept;
    }
}

/// Decides for each byte of a JSON object whether it stays.
#[derive(Debug)]
struct Trimmer {
    longest: usize,
    /// Bytes of the current string.
    string: Option<usize>,
    /// Bytes of the current escape that are to come; `Some(0)` is the one behind the backslash.
    escape: Option<usize>,
    /// Open brackets.
    depth: usize,
    /// Bytes since the first open bracket.
    list: usize,
    /// What is dropped.
    dropping: Dropping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dropping {
    Nothing,
    /// The rest of the current string.
    String,
    /// The rest of the list that is open at this depth.
    List(usize),
}

impl Trimmer {
    const fn new(longest: usize) -> Self {
        Self {
            longest,
            string: None,
            escape: None,
            depth: 0,
            list: 0,
            dropping: Dropping::Nothing,
        }
    }

    fn keeps(&mut self, byte: u8) -> bool {
        self.list += 1;
        match self.string {
            Some(length) => self.in_string(byte, length),
            None => self.outside(byte),
        }
    }

    fn in_string(&mut self, byte: u8, length: usize) -> bool {
        self.string = Some(length + 1);
        let is_inside = self.escape.is_some();
        self.escape = match (self.escape, byte) {
            (None, b'\\') => Some(0),
            (Some(0), b'u') => Some(4),
            (None | Some(0 | 1), _) => None,
            (Some(left), _) => Some(left - 1),
        };
        if byte == b'"' && !is_inside {
            self.string = None;
            if self.dropping == Dropping::String {
                self.dropping = Dropping::Nothing;
            }
        } else if self.dropping == Dropping::Nothing
            && length >= self.longest
            && !is_inside
            && byte & 0xc0 != 0x80
        {
            self.dropping = Dropping::String;
        }
        self.dropping == Dropping::Nothing
    }

    fn outside(&mut self, byte: u8) -> bool {
        match byte {
            b'"' => self.string = Some(0),
            b'[' => {
                if self.depth == 0 {
                    self.list = 0;
                }
                self.depth += 1;
            }
            b']' => {
                if self.dropping == Dropping::List(self.depth) {
                    self.dropping = Dropping::Nothing;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b',' if self.depth > 0
                && self.list >= self.longest
                && self.dropping == Dropping::Nothing =>
            {
                self.dropping = Dropping::List(self.depth);
            }
            _ => {}
        }
        self.dropping == Dropping::Nothing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The lines that come of `input` in pieces of `step` bytes.
    fn lines(input: &[u8], step: usize, longest: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(longest);
        lines.longest_line = longest;
        let mut out = Vec::new();
        for piece in input.chunks(step) {
            lines.tail().extend_from_slice(piece);
            if let Some(whole) = lines.take() {
                assert_eq!(whole.last(), Some(&b'\n'));
                out.extend(
                    whole[..whole.len() - 1]
                        .split(|byte| *byte == b'\n')
                        .map(<[u8]>::to_vec),
                );
            }
        }
        assert!(lines.raw.is_empty());
        out
    }

    #[test]
    fn memory_stays_small_while_a_long_line_arrives() {
        let mut lines = Lines::new(1000);
        let mut most = 0;
        lines
            .tail()
            .extend_from_slice(br#"{"A":"short","MESSAGE":""#);
        for _ in 0..10_000 {
            lines.tail().extend_from_slice("é".repeat(1000).as_bytes());
            assert_eq!(lines.take(), None);
            most = most.max(lines.raw.len());
        }
        lines.tail().extend_from_slice(b"\",\"Z\":1}\n{}\n");
        let text = String::from_utf8(lines.take().unwrap()).unwrap();
        assert!(
            text.ends_with("é\",\"Z\":1}\n{}\n")
                && text.starts_with(r#"{"A":"short","MESSAGE":"é"#)
        );
        assert!(text.len() < 1100 && most < 70_000, "{} {most}", text.len());
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".{0,60}".prop_map(Value::from),
            Just(Value::Null),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| json!(bytes)),
            prop::collection::vec(".{0,30}", 0..6).prop_map(|texts| json!(texts)),
            (".{0,30}", prop::collection::vec(any::<u8>(), 0..40))
                .prop_map(|(text, bytes)| json!([bytes, text, bytes])),
        ]
    }

    proptest! {
        #[test]
        fn a_trimmed_line_is_json_with_the_same_keys(
            objects in prop::collection::vec(prop::collection::btree_map("[A-Z]{1,4}", value(), 0..6), 1..5),
            step in 1_usize..50,
            longest in 4_usize..60,
        ) {
            let mut input = Vec::new();
            for object in &objects {
                serde_json::to_writer(&mut input, object).unwrap();
                input.push(b'\n');
            }
            let found = lines(&input, step, longest);
            prop_assert_eq!(found.len(), objects.len());
            for (line, object) in found.iter().zip(&objects) {
                let parsed: serde_json::Map<String, Value> = serde_json::from_slice(line)
                    .map_err(|error| TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(line))))?;
                prop_assert!(parsed.keys().eq(object.keys()));
                prop_assert!(line.len() <= serde_json::to_vec(object).unwrap().len());
            }
        }

        #[test]
        fn whole_lines_pass_unchanged(lines_in in prop::collection::vec("[^\n]{0,50}", 1..20), step in 1_usize..50) {
            let input = lines_in.iter().map(|line| format!("{line}\n")).collect::<String>();
            let found = lines(input.as_bytes(), step, 100_000);
            let expected: Vec<Vec<u8>> = lines_in.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
