//! Where the message begins behind its header.
//!
//! This is the hot path: it looks at each byte of the header once, allocates nothing, and only notes where the parts
//! are. What they mean is worked out by `facts` when somebody asks.
//!
//! RFC 5424 has one form. RFC 3164 describes what was seen in 2001, and senders differ. Read here are: times with a year,
//! with a fraction, with a zone, or in the form of ISO 8601; a missing time, host or tag; tags without a colon; the
//! sequence numbers and marks that routers put before the time. Where a word may be a part of the header or the first
//! word of the message, it stays in the message unless its form is clear, so that no rule misses it. The first of several
//! words behind a time is the host.

mod cursor;
mod rfc3164;
mod rfc5424;

use self::cursor::Cursor;
use self::rfc3164::rfc3164;
use self::rfc5424::rfc5424;

/// A part of the header, as a range of the frame. Empty if it is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    start: usize,
    end: usize,
}

/// What kind of header it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RFC 5424.
    Rfc5424,
    /// RFC 3164, or something like it.
    Rfc3164,
    /// None: all of the frame is the message.
    Bare,
}

/// Which forms are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// RFC 5424 where a version follows the priority, else RFC 3164.
    Auto,
    /// RFC 3164 only.
    Rfc3164,
    /// RFC 5424 only.
    Rfc5424,
}

/// Where the parts of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What kind it is.
    pub kind: Kind,
    /// Facility times eight plus severity.
    pub priority: u8,
    /// The time.
    pub time: Part,
    /// The host.
    pub host: Part,
    /// The tag: the application and, in brackets, its process. RFC 3164 only.
    pub tag: Part,
    /// All behind the priority and before the message.
    pub head: Part,
    /// The structured data. RFC 5424 only.
    pub data: Part,
    /// Where the message begins.
    pub message: usize,
}

/// The largest priority: facility 23, severity 7.
const MAX_PRIORITY: u16 = 191;

impl Part {
    /// The bytes of the part.
    #[must_use]
    pub fn of(self, frame: &[u8]) -> &[u8] {
        frame.get(self.start..self.end).unwrap_or_default()
    }

    /// True if there is no such part.
    #[must_use]
    pub const fn is_absent(self) -> bool {
        self.start >= self.end
    }
}

impl Header {
    const fn bare() -> Self {
        let none = Part { start: 0, end: 0 };
        Self {
            kind: Kind::Bare,
            priority: 0,
            time: none,
            host: none,
            tag: none,
            head: none,
            data: none,
            message: 0,
        }
    }
}

/// Finds the parts of a frame.
#[must_use]
pub fn scan(frame: &[u8], grammar: Grammar) -> Header {
    let Some((priority, behind)) = priority(frame) else {
        return Header::bare();
    };
    let mut cursor = Cursor { frame, at: behind };
    let modern = (grammar != Grammar::Rfc3164)
        .then(|| rfc5424(&mut cursor))
        .flatten();
    let mut header = match (modern, grammar) {
        (Some(header), _) => header,
        (None, Grammar::Rfc5424) => return Header::bare(),
        (None, _) => {
            cursor.at = behind;
            rfc3164(&mut cursor)
        }
    };
    header.priority = priority;
    header.message = cursor.at;
    header.head = Part {
        start: behind,
        end: cursor.at,
    };
    header
}

/// Reads `<` 1 to 3 digits `>` and tells what is behind.
fn priority(frame: &[u8]) -> Option<(u8, usize)> {
    let [b'<', rest @ ..] = frame else {
        return None;
    };
    let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit());
    let (count, value) = digits.fold((0, 0), |(count, value), digit| {
        (count + 1, value * 10 + u16::from(digit - b'0'))
    });
    let is_whole = count > 0 && rest.get(count) == Some(&b'>');
    let is_known = value <= MAX_PRIORITY;
    let priority = u8::try_from(value).ok()?;
    (is_whole && is_known).then_some((priority, count + 2))
}

#[cfg(test)]
mod tests;
