//! A place in a frame.

use super::Part;

/// A place in a frame.
pub(super) struct Cursor<'a> {
    pub(super) frame: &'a [u8],
    pub(super) at: usize,
}

impl Cursor<'_> {
    pub(super) fn rest(&self) -> &[u8] {
        self.frame.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.frame.get(self.at).copied()
    }

    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    pub(super) fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// The word from here on, up to white space or the end; the cursor stays.
    pub(super) fn word(&self) -> Part {
        let rest = self.rest();
        let length = rest.iter().position(|byte| byte.is_ascii_whitespace());
        Part {
            start: self.at,
            end: self.at + length.unwrap_or(rest.len()),
        }
    }

    /// Takes the word and the spaces behind it; `None` where there is no word.
    pub(super) fn take_word(&mut self) -> Option<Part> {
        let word = self.word();
        if word.is_absent() {
            return None;
        }
        self.at = word.end;
        self.skip_spaces();
        Some(word)
    }

    /// Takes up to `most` digits and tells their number.
    pub(super) fn digits(&mut self, most: usize) -> usize {
        let digits = self.rest().iter().take(most);
        let count = digits.take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}
