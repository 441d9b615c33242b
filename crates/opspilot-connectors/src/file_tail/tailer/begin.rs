//! Starts to follow a file.

use std::fs;
use std::io;
use std::path::Path;

use opspilot_core::signal::LogSource;

use super::super::content::{Compression, Content, Facts, FileId};
use super::super::fingerprint::{Print, TAIL, Tail};
use super::super::position::{Mark, Position};
use super::super::stream::{Moment, Role, Start, Stream};
use super::{OPEN_FILES, Tailer};

impl Tailer {
    pub(super) fn follow(&mut self, name: &str, path: &Path, role: Role, now: Moment) {
        let role = if Compression::of(path).is_some() {
            Role::Fixed
        } else {
            role
        };
        let begun = self.open(name, path, role, now, |_, _| Ok(Mark::default()));
        self.add(path, begun);
    }

    pub(super) fn follow_from_end(&mut self, path: &Path, now: Moment) {
        let is_archive = Compression::of(path).is_some();
        let role = if is_archive {
            Role::Done
        } else {
            Role::Current
        };
        let begun = self.open(
            &path.display().to_string(),
            path,
            role,
            now,
            |content, facts| {
                if is_archive {
                    return Ok(Mark::default());
                }
                let mut bytes = Vec::with_capacity(TAIL);
                let start = facts.size.saturating_sub(TAIL as u64);
                content.read_at(&mut bytes, TAIL, start)?;
                let offset = start + bytes.len() as u64;
                Ok(Mark {
                    offset,
                    tail: Tail::default().then(&bytes),
                    ..Mark::default()
                })
            },
        );
        self.add(path, begun);
    }

    pub(super) fn add(&mut self, path: &Path, begun: io::Result<Stream>) {
        match begun {
            Ok(stream) => {
                self.taken.insert(stream.file);
                let key = self.insert(stream);
                self.active.insert(key);
                self.queue(key);
            }
            Err(error) => self.report(path.to_owned(), error.to_string()),
        }
    }

    pub(super) fn open(
        &mut self,
        name: &str,
        path: &Path,
        role: Role,
        now: Moment,
        start: impl FnOnce(&mut Content, &Facts) -> io::Result<Mark>,
    ) -> io::Result<Stream> {
        let (mut content, facts) = Content::open(path, self.settings.archive_ratio)?;
        let head = Print::of(&content.head()?);
        let mark = start(&mut content, &facts)?;
        self.touched += 1;
        let FileId { device, inode } = facts.id;
        let identity = format!(
            "{device} {inode} {} {} {}",
            head.hex(),
            now.wall.as_millis(),
            self.touched
        );
        let source = LogSource {
            module: std::sync::Arc::clone(&self.settings.module),
            name: name.into(),
            stream: Print::of(identity.as_bytes()).hex().into(),
            attributes: serde_json::Map::new(),
        };
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let start = Start {
            source,
            place,
            file: facts.id,
            modified: facts.modified,
            head,
            role,
            mark,
        };
        let stays_open = self.streams.len() < OPEN_FILES || role != Role::Current;
        Ok(Stream::new(
            start,
            stays_open.then_some(content),
            &self.reading,
            now.monotonic,
        ))
    }

    pub(super) fn resume(&mut self, path: &Path, position: Position, now: Moment) {
        self.revive(&position);
        let name = path.display().to_string();
        let position = Position {
            name,
            finished: false,
            ..position
        };
        let stream = Stream::resumed(
            position,
            &self.settings.module,
            &self.reading,
            now.monotonic,
        );
        self.insert(stream);
        self.scan_again(now.monotonic);
    }
}
