//! Reads the export form of `journalctl`, which it writes three times as fast as JSON.
//!
//! Source of the form: systemd's "Journal Export Formats". A field stands on a line, `NAME=value`. One that is not
//! printable text in one line is its name alone on a line, its length as 64 bits, little-endian, its bytes, and a line
//! feed. An empty line ends the entry.

use super::line::Line;

/// The longest name of a field, in bytes.
const NAME: usize = 64;

/// How much longer than the longest message a value may be before it is cut: enough to show that it was longer.
const EXCESS: usize = 64;

/// What stands for something that is no entry, so that it is counted.
const GARBAGE: &[u8] = b"?\n";

/// Reads piece by piece, and keeps of a value no more than is of use, whatever length it claims.
#[derive(Debug)]
pub(super) struct Export {
    /// The most bytes of a value.
    longest: usize,
    state: State,
    /// The part of a line, length or value that came so far.
    part: Vec<u8>,
    /// The field whose value comes behind its length.
    name: Vec<u8>,
    cursor: String,
    time: String,
    line: Line,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Line,
    Length,
    /// So many bytes of a value.
    Value(u64),
    /// The line feed behind a value.
    Feed,
}

impl Export {
    /// Nothing was read yet; of a message, `longest` bytes are of use.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            longest: longest + EXCESS,
            state: State::Line,
            part: Vec::new(),
            name: Vec::new(),
            cursor: String::new(),
            time: String::new(),
            line: Line::default(),
        }
    }

    /// Reads on, and adds a line to `out` for each entry that is whole.
    pub(super) fn read(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Line => self.read_line(bytes, out),
                State::Length => self.read_length(bytes),
                State::Value(left) => self.read_value(bytes, left),
                State::Feed => {
                    self.state = State::Line;
                    bytes.strip_prefix(b"\n").unwrap_or(bytes)
                }
            };
        }
    }

    fn read_line<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<u8>) -> &'b [u8] {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.keep(bytes, self.longest + NAME);
            return &[];
        };
        let (line, rest) = (bytes.get(..end), bytes.get(end + 1..));
        let line = line.unwrap_or_default();
        if self.part.is_empty() {
            self.take_line(line, out);
        } else {
            self.keep(line, self.longest + NAME);
            let whole = std::mem::take(&mut self.part);
            self.take_line(&whole, out);
            self.part = whole;
            self.part.clear();
        }
        rest.unwrap_or_default()
    }

    /// Adds to the part that came so far, up to `most` bytes.
    fn keep(&mut self, bytes: &[u8], most: usize) {
        let room = most.saturating_sub(self.part.len()).min(bytes.len());
        self.part
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    fn take_line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (name, value) = match memchr::memchr(b'=', line) {
            Some(at) => (line.get(..at), line.get(at + 1..)),
            None => (Some(line), None),
        };
        let name = name.unwrap_or_default();
        match value {
            None if line.is_empty() => self.end_entry(out),
            _ if !is_name(name) => out.extend_from_slice(GARBAGE),
            None => {
                self.name.clear();
                self.name.extend_from_slice(name);
                self.state = State::Length;
            }
            Some(value) => self.take_field(name, value),
        }
    }

    fn read_length<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let missing = (8 - self.part.len()).min(bytes.len());
        let (now, rest) = bytes.split_at(missing);
        self.part.extend_from_slice(now);
        if let Ok(length) = <[u8; 8]>::try_from(self.part.as_slice()) {
            self.part.clear();
            self.state = State::Value(u64::from_le_bytes(length));
        }
        rest
    }

    fn read_value<'b>(&mut self, bytes: &'b [u8], left: u64) -> &'b [u8] {
        let now = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (value, rest) = bytes.split_at(now);
        self.keep(value, self.longest);
        let left = left - now as u64;
        self.state = State::Value(left);
        if left == 0 {
            let (name, value) = (
                std::mem::take(&mut self.name),
                std::mem::take(&mut self.part),
            );
            self.take_field(&name, &value);
            (self.name, self.part) = (name, value);
            self.part.clear();
            self.state = State::Feed;
        }
        rest
    }

    fn take_field(&mut self, name: &[u8], value: &[u8]) {
        let value = value.get(..self.longest).map_or(value, without_half);
        match name {
            b"__CURSOR" => set(&mut self.cursor, value),
            b"__REALTIME_TIMESTAMP" => set(&mut self.time, value),
            _ => self.line.add(name, value),
        }
    }

    /// Writes the entry that ends here. Between entries there is nothing.
    fn end_entry(&mut self, out: &mut Vec<u8>) {
        let before = out.len();
        if !self.cursor.is_empty() && self.line.write((&self.cursor, &self.time), out).is_err() {
            out.truncate(before);
            out.extend_from_slice(GARBAGE);
        }
        self.cursor.clear();
        self.time.clear();
        self.line.clear();
    }
}

/// True for what can be the name of a field.
fn is_name(name: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    (1..=NAME).contains(&name.len()) && name.iter().all(is_part)
}

/// `value`, which was cut, without half a character at its end: a text stays one.
fn without_half(value: &[u8]) -> &[u8] {
    match std::str::from_utf8(value) {
        Err(fault) if fault.error_len().is_none() => {
            value.get(..fault.valid_up_to()).unwrap_or(value)
        }
        _ => value,
    }
}

fn set(text: &mut String, value: &[u8]) {
    text.clear();
    text.push_str(&String::from_utf8_lossy(value));
}

#[cfg(test)]
mod tests;
