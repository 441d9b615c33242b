//! Finds the records in a piece of a file.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::multiline::{Advance, Joiner, Trace};

/// Splits bytes into records at line feeds.
///
/// A carriage return before the line feed belongs to the line end; a lone one is content, so a progress bar is one
/// record. Blank lines are no records. A line above the limit is cut to it, and its rest is skipped.
///
/// The splitter keeps nothing between calls: what it did not consume is given to it again, with what follows.
#[derive(Debug)]
pub(super) struct Splitter {
    max_line: usize,
    joiner: Option<Joiner>,
}

/// What is known about the bytes behind those given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// More may follow: an unfinished line or group of lines stays.
    Newline,
    /// More follows, but the piece is as long as a record may be: an unfinished group of lines is delivered.
    Full,
    /// Nothing follows for now: what is there is delivered.
    End,
}

/// How far a piece was split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Split {
    /// How many bytes need not be given again.
    pub(super) consumed: usize,
    /// The consumed bytes end inside a line that was cut: skip to the next line feed.
    pub(super) skipping: bool,
    /// How many lines were cut.
    pub(super) cut: u64,
}

impl Splitter {
    /// A splitter for lines of up to `max_line` bytes.
    pub(super) const fn new(max_line: usize, joiner: Option<Joiner>) -> Self {
        Self { max_line, joiner }
    }

    /// A line of this many bytes without a line feed is too long, whatever follows: `max_line`, and a carriage return
    /// that may belong to the line end, and one more. A piece must be able to hold it.
    pub(super) const fn longest(&self) -> usize {
        self.max_line + 2
    }

    /// Gives the ranges of the records in `bytes`, in order, to `record`. `skipping` says that `bytes` starts inside a
    /// line that was cut.
    pub(super) fn split(
        &self,
        bytes: &[u8],
        skipping: bool,
        until: Until,
        record: impl FnMut(Range<usize>),
    ) -> Split {
        let mut start = 0;
        if skipping {
            let Some(feed) = memchr(b'\n', bytes) else {
                return Split {
                    consumed: bytes.len(),
                    skipping: true,
                    cut: 0,
                };
            };
            start = feed + 1;
        }
        match &self.joiner {
            None => self.lines(bytes, start, until, record),
            Some(joiner) => self.groups(joiner, bytes, start, until, record),
        }
    }

    fn lines(
        &self,
        bytes: &[u8],
        mut start: usize,
        until: Until,
        mut record: impl FnMut(Range<usize>),
    ) -> Split {
        let mut cut = 0;
        let mut deliver = |range: Range<usize>| {
            let line = self.content(bytes, range);
            cut += u64::from(line.cut);
            if !line.blank {
                record(line.range);
            }
        };
        let base = start;
        for feed in memchr_iter(b'\n', bytes.get(start..).unwrap_or_default()) {
            deliver(start..base + feed);
            start = base + feed + 1;
        }
        let rest = start..bytes.len();
        let too_long = rest.len() >= self.longest();
        if too_long || (until == Until::End && !rest.is_empty()) {
            start = rest.end;
            deliver(rest);
        }
        Split {
            consumed: start,
            skipping: too_long,
            cut,
        }
    }

    fn groups(
        &self,
        joiner: &Joiner,
        bytes: &[u8],
        mut start: usize,
        until: Until,
        record: impl FnMut(Range<usize>),
    ) -> Split {
        let mut group = Group {
            joiner,
            bytes,
            record,
            open: None,
            cut: 0,
        };
        let base = start;
        for feed in memchr_iter(b'\n', bytes.get(start..).unwrap_or_default()) {
            group.line(self.content(bytes, start..base + feed));
            start = base + feed + 1;
        }
        let rest = start..bytes.len();
        let too_long = rest.len() >= self.longest();
        if too_long || (until == Until::End && !rest.is_empty()) {
            start = rest.end;
            group.line(self.content(bytes, rest));
        }
        if until == Until::Newline
            && let Some(open) = &group.open
        {
            start = open.range.start;
        } else {
            group.close();
        }
        Split {
            consumed: start,
            skipping: too_long,
            cut: group.cut,
        }
    }

    fn content(&self, bytes: &[u8], range: Range<usize>) -> Line {
        let line = bytes.get(range.clone()).unwrap_or_default();
        let length = line.len() - usize::from(line.last() == Some(&b'\r'));
        let kept = length.min(self.max_line);
        Line {
            range: range.start..range.start + kept,
            cut: length > self.max_line,
            blank: line.iter().take(kept).all(u8::is_ascii_whitespace),
        }
    }
}

/// One line without its end, at most as long as allowed.
struct Line {
    range: Range<usize>,
    cut: bool,
    blank: bool,
}

/// Lines on their way to be joined into records.
struct Group<'a, F> {
    joiner: &'a Joiner,
    bytes: &'a [u8],
    record: F,
    open: Option<Open>,
    cut: u64,
}

struct Open {
    range: Range<usize>,
    lines: usize,
    trace: Trace,
}

impl<F: FnMut(Range<usize>)> Group<'_, F> {
    fn line(&mut self, line: Line) {
        self.cut += u64::from(line.cut);
        let text = self.bytes.get(line.range.clone()).unwrap_or_default();
        let text = if line.blank { &[] } else { text };
        if let Some(open) = &mut self.open
            && self.joiner.joins(&mut open.trace, text)
        {
            if !line.blank {
                open.range.end = line.range.end;
            }
            open.lines += 1;
            // A cut line ends its record, because the rest of it lies between it and what follows.
            if line.cut || open.lines >= self.joiner.max_lines() {
                self.close();
            }
            return;
        }
        self.close();
        if line.blank {
            return;
        }
        match self.joiner.begins(text) {
            Advance::Open(trace) if !line.cut && self.joiner.max_lines() > 1 => {
                self.open = Some(Open {
                    range: line.range,
                    lines: 1,
                    trace,
                });
            }
            Advance::Open(_) | Advance::Whole => (self.record)(line.range),
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            (self.record)(open.range);
        }
    }
}

#[cfg(test)]
mod tests;
