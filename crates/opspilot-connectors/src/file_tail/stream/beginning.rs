//! Where a stream begins: at a file that is new, or where an earlier run stopped.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use opspilot_core::signal::{LogSource, PositionTracker};

use super::{Reading, Role, Seen, Stream};
use crate::file_tail::content::{Content, FileId};
use crate::file_tail::fingerprint::{Print, Tail};
use crate::file_tail::position::{Mark, Position};

/// Which stream, of which file, from where on.
#[derive(Debug)]
pub(in crate::file_tail) struct Start {
    /// Identity and name.
    pub(in crate::file_tail) source: LogSource,
    /// Where the file was found.
    pub(in crate::file_tail) place: PathBuf,
    /// Which file it is.
    pub(in crate::file_tail) file: FileId,
    /// When it was last written.
    pub(in crate::file_tail) modified: i64,
    /// Its first bytes.
    pub(in crate::file_tail) head: Print,
    /// What it is.
    pub(in crate::file_tail) role: Role,
    /// Where to begin.
    pub(in crate::file_tail) mark: Mark,
}

impl Stream {
    /// A stream that begins.
    pub(in crate::file_tail) fn new(
        start: Start,
        content: Option<Content>,
        reading: &Reading,
        now: Instant,
    ) -> Self {
        let Start {
            source,
            place,
            file,
            modified,
            head,
            role,
            mark,
        } = start;
        Self {
            source: Arc::new(source),
            place,
            file,
            modified,
            opened: content.is_some(),
            content,
            role,
            drained: false,
            resting_until: None,
            head,
            at: mark,
            seen: Seen {
                end: mark.offset,
                tail: mark.tail,
                since: now,
                whole_lines: false,
            },
            sent: VecDeque::new(),
            settled: mark,
            tracker: PositionTracker::new(mark.offset, Arc::clone(&reading.settled)),
            stored: None,
        }
    }

    /// A stream that an earlier run stored. Where its file is must be found out.
    pub(in crate::file_tail) fn resumed(
        position: Position,
        module: &Arc<str>,
        reading: &Reading,
        now: Instant,
    ) -> Self {
        let mark = Mark {
            offset: position.offset,
            line: position.line,
            skipping: position.skipping,
            tail: Tail::default(),
        };
        let start = Start {
            source: LogSource {
                module: Arc::clone(module),
                name: position.name.as_str().into(),
                stream: position.stream.as_str().into(),
                attributes: serde_json::Map::new(),
            },
            place: PathBuf::from(&position.place),
            file: position.file(),
            modified: position.modified,
            head: position.head,
            role: Role::Lost { until: None },
            mark,
        };
        let mut stream = Self::new(start, None, reading, now);
        stream.stored = Some(position);
        stream
    }
}
