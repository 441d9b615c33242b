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

/// The longest tag. RFC 3164 says 32; container names are longer.
const MAX_TAG: usize = 128;

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

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

/// A place in a frame.
struct Cursor<'a> {
    frame: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &[u8] {
        self.frame.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.frame.get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// The word from here on, up to white space or the end; the cursor stays.
    fn word(&self) -> Part {
        let rest = self.rest();
        let length = rest.iter().position(|byte| byte.is_ascii_whitespace());
        Part {
            start: self.at,
            end: self.at + length.unwrap_or(rest.len()),
        }
    }

    /// Takes the word and the spaces behind it; `None` where there is no word.
    fn take_word(&mut self) -> Option<Part> {
        let word = self.word();
        if word.is_absent() {
            return None;
        }
        self.at = word.end;
        self.skip_spaces();
        Some(word)
    }

    /// Takes up to `most` digits and tells their number.
    fn digits(&mut self, most: usize) -> usize {
        let digits = self.rest().iter().take(most);
        let count = digits.take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}

/// `VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG]`, RFC 5424 section 6.
/// Structured data that is missing counts as `-`, and more than one space as one.
fn rfc5424(cursor: &mut Cursor<'_>) -> Option<Header> {
    let version = cursor.digits(3);
    if version == 0 || !cursor.skip(b' ') {
        return None;
    }
    cursor.skip_spaces();
    let time = cursor.take_word()?;
    if !is_iso(time.of(cursor.frame)) && time.of(cursor.frame) != b"-" {
        return None;
    }
    let host = cursor.take_word()?;
    let (_app, _process, _id) = (
        cursor.take_word()?,
        cursor.take_word()?,
        cursor.take_word()?,
    );
    let data = structured_data(cursor);
    cursor.skip_spaces();
    if cursor.rest().starts_with(b"\xEF\xBB\xBF") {
        cursor.at += 3;
    }
    Some(Header {
        kind: Kind::Rfc5424,
        time,
        host,
        data,
        ..Header::bare()
    })
}

/// Takes `-` or elements in brackets. Where these are not well-formed nothing is taken: they stay in the message.
fn structured_data(cursor: &mut Cursor<'_>) -> Part {
    let start = cursor.at;
    if cursor.word().of(cursor.frame) == b"-" {
        cursor.at += 1;
        return Part::default();
    }
    let mut end = start;
    while let Some(length) = element(cursor.frame.get(end..).unwrap_or_default()) {
        end += length;
    }
    let is_ended = matches!(cursor.frame.get(end), None | Some(b' '));
    if !is_ended {
        return Part::default();
    }
    cursor.at = end;
    Part { start, end }
}

/// The length of the element that `rest` begins with: `[ID NAME="VALUE" …]`. In a value `"`, `\` and `]` are escaped.
fn element(rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'[') || !rest.get(1)?.is_ascii_graphic() {
        return None;
    }
    let mut at = 1;
    let mut is_quoted = false;
    loop {
        let within = rest.get(at..)?;
        let found = if is_quoted {
            memchr::memchr2(b'"', b'\\', within)?
        } else {
            memchr::memchr3(b'"', b']', b'\n', within)?
        };
        at += found + 1;
        match within.get(found)? {
            b'"' => is_quoted = !is_quoted,
            b'\\' => at += 1,
            b']' => return Some(at),
            _ => return None,
        }
    }
}

/// `[TIME SP] [HOST SP] [TAG] MSG`.
fn rfc3164(cursor: &mut Cursor<'_>) -> Header {
    cursor.skip_spaces();
    let begin = cursor.at;
    skip_router_marks(cursor);
    let time = time(cursor).unwrap_or_default();
    if time.is_absent() {
        cursor.at = begin;
    }
    let (host, tag) = host_and_tag(cursor, !time.is_absent());
    Header {
        kind: Kind::Rfc3164,
        time,
        host,
        tag,
        ..Header::bare()
    }
}

/// What routers put before the time: a sequence number and a colon, a colon, `*` or `.` for an unsure clock.
fn skip_router_marks(cursor: &mut Cursor<'_>) {
    for _ in 0..2 {
        let before = cursor.at;
        cursor.digits(10);
        if cursor.skip(b':') {
            cursor.skip_spaces();
        } else {
            cursor.at = before;
        }
    }
    let _ = cursor.skip(b'*') || cursor.skip(b'.');
}

/// Takes a time and what ends it.
fn time(cursor: &mut Cursor<'_>) -> Option<Part> {
    let start = cursor.at;
    let end = match cursor.peek()? {
        b'0'..=b'9' => iso_time(cursor)?,
        b'-' if cursor.word().of(cursor.frame) == b"-" => cursor.at + 1,
        _ => month_time(cursor)?,
    };
    cursor.at = end;
    let is_ended = cursor.skip(b':') | matches!(cursor.peek(), None | Some(b' ' | b'\t'));
    if !is_ended {
        return None;
    }
    cursor.skip_spaces();
    Some(Part { start, end })
}

fn iso_time(cursor: &Cursor<'_>) -> Option<usize> {
    let word = cursor.word();
    let bytes = word.of(cursor.frame);
    let bare = bytes.strip_suffix(b":").unwrap_or(bytes);
    is_iso(bare).then_some(word.start + bare.len())
}

/// True of `2024-01-02T03:04:05` and what begins so.
fn is_iso(bytes: &[u8]) -> bool {
    let form = b"dddd-dd-ddTdd:dd:dd";
    bytes.len() >= form.len()
        && bytes.iter().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            form => byte == form,
        })
}

/// `Jan  2 03:04:05`, with a year before or behind the hour, a fraction and a zone where there are any.
fn month_time(cursor: &mut Cursor<'_>) -> Option<usize> {
    let month: [u8; 3] = cursor.rest().first_chunk().copied()?;
    MONTHS
        .iter()
        .find(|name| name.eq_ignore_ascii_case(&month))?;
    cursor.at += 3;
    if !matches!(cursor.peek()?, b' ' | b'\t') {
        return None;
    }
    cursor.skip_spaces();
    if cursor.digits(2) == 0 || cursor.peek() != Some(b' ') {
        return None;
    }
    cursor.skip_spaces();
    let mut hours = cursor.digits(4);
    if hours == 4 && cursor.skip(b' ') {
        cursor.skip_spaces();
        hours = cursor.digits(2);
    }
    let is_clock = (1..=2).contains(&hours)
        && cursor.skip(b':')
        && cursor.digits(2) == 2
        && cursor.skip(b':')
        && cursor.digits(2) == 2;
    if !is_clock {
        return None;
    }
    if matches!(cursor.peek(), Some(b'.' | b',')) {
        cursor.at += 1;
        cursor.digits(9);
    }
    skip_zone(cursor);
    Some(cursor.at)
}

/// Takes ` UTC` where a colon follows it, as routers write it.
fn skip_zone(cursor: &mut Cursor<'_>) {
    let before = cursor.at;
    if cursor.skip(b' ') {
        let letters = cursor
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase());
        let count = letters.count();
        cursor.at += count;
        if (2..=5).contains(&count) && cursor.peek() == Some(b':') {
            return;
        }
    }
    cursor.at = before;
}

fn host_and_tag(cursor: &mut Cursor<'_>, is_timed: bool) -> (Part, Part) {
    let none = Part::default();
    if let Some(tag) = tag(cursor) {
        return (none, tag);
    }
    let before = cursor.at;
    let Some(host) = cursor
        .take_word()
        .filter(|host| is_host(host.of(cursor.frame)))
    else {
        cursor.at = before;
        return (none, none);
    };
    let has_process = cursor.word().of(cursor.frame).contains(&b'[');
    let tag = (is_timed || has_process).then(|| tag(cursor)).flatten();
    let is_alone = cursor.rest().is_empty() && tag.is_none();
    if is_alone || (!is_timed && tag.is_none()) {
        cursor.at = before;
        return (none, none);
    }
    if cursor.word().of(cursor.frame) == b":" {
        cursor.at += 1;
        cursor.skip_spaces();
    }
    (host, tag.unwrap_or_default())
}

fn is_host(word: &[u8]) -> bool {
    word.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b".:-_@/[]%".contains(byte) || *byte >= 128)
        && word.first() != Some(&b'%')
        && (word.last() != Some(&b':') || word.ends_with(b"::"))
}

/// Takes `name[process]:`, `name[process]` or `name:` and the spaces behind. The mnemonics of routers (`%SYS-5-…:`) are
/// no tags: rules look for them.
fn tag(cursor: &mut Cursor<'_>) -> Option<Part> {
    let word = cursor.word().of(cursor.frame);
    let name = word
        .iter()
        .take(MAX_TAG)
        .take_while(|byte| !b":[".contains(byte));
    let name = name.count();
    if name == 0 || word.first() == Some(&b'%') {
        return None;
    }
    let end = match word.get(name)? {
        b'[' => {
            let inner = word.get(name + 1..)?;
            let process = inner.iter().take(MAX_TAG).position(|byte| *byte == b']')?;
            let end = name + process + 2;
            let is_ended = matches!(word.get(end), None | Some(b':'));
            (process > 0 && is_ended).then_some(end)?
        }
        b':' if name + 1 == word.len() => name,
        _ => return None,
    };
    let tag = Part {
        start: cursor.at,
        end: cursor.at + end,
    };
    cursor.at = tag.end;
    cursor.skip(b':');
    cursor.skip_spaces();
    Some(tag)
}

#[cfg(test)]
mod tests;
