//! Tells whether a file that nobody follows is new.

use std::io;
use std::path::Path;

use super::super::content::{Compression, Content, Facts};
use super::super::fingerprint::Print;
use super::super::position::Position;
use super::super::rotation::is_beside;
use super::super::stream::{Role, Stream};
use super::Tailer;

/// What an unfollowed file is.
pub(super) enum Identity {
    /// A file nobody has read.
    New,
    /// A file that was read to its end, or a copy of one that is read.
    Known,
    /// A finished file that grew.
    Grown(Box<Position>),
    /// It cannot be told yet.
    Later,
}

impl Tailer {
    pub(super) fn identify(&mut self, path: &Path, facts: &Facts) -> Identity {
        if self.taken.contains(&facts.id) {
            return Identity::Known;
        }
        let compression = Compression::of(path);
        if compression.is_some() && path.with_extension("").exists() {
            // It is being compressed at this moment; when that is done, the other file goes away.
            return Identity::Later;
        }
        if let Some(known) = self.among_finished(path, facts) {
            return known;
        }
        match self.is_copy(path, facts) {
            Ok(true) => Identity::Known,
            Ok(false) => Identity::New,
            Err(_) if compression.is_some() => Identity::Later,
            Err(error) => {
                self.report(path.to_owned(), error.to_string());
                Identity::Later
            }
        }
    }

    /// What the file is if it was read to its end under the same inode.
    pub(super) fn among_finished(&self, path: &Path, facts: &Facts) -> Option<Identity> {
        let done = self
            .streams
            .values()
            .filter(|stream| stream.role == Role::Done && stream.file == facts.id);
        let done: Vec<Position> = done.map(Stream::reading_position).collect();
        let finished = self.finished.get(&facts.id).map_or(&[][..], Vec::as_slice);
        if done.is_empty() && finished.is_empty() {
            return None;
        }
        let (mut content, _) = Content::open(path, self.settings.archive_ratio).ok()?;
        // The inode may belong to another file by now, of the same size and written in the same tick of the clock.
        let head = content.head().ok()?;
        for position in done
            .iter()
            .chain(finished)
            .filter(|position| position.head.starts(&head))
        {
            let is_unchanged = position.modified == facts.modified
                && (content.is_archive() || position.offset == facts.size);
            if is_unchanged {
                return Some(Identity::Known);
            }
            let continues = !content.is_archive()
                && content
                    .continues(&position.head, position.offset, &position.tail)
                    .unwrap_or(false);
            if continues {
                let is_stored = finished.contains(position);
                return Some(if is_stored {
                    Identity::Grown(Box::new(position.clone()))
                } else {
                    Identity::Later
                });
            }
        }
        None
    }

    /// True if the file is a copy of the start of a file that is or was read, made to rotate it.
    pub(super) fn is_copy(&mut self, path: &Path, facts: &Facts) -> io::Result<bool> {
        let (mut content, _) = Content::open(path, self.settings.archive_ratio)?;
        let head = content.head()?;
        let is_start_of = |print: &Print, length: u64| {
            let is_inside = content.is_archive() || facts.size <= length;
            let is_whole = head.len() as u64 == length;
            print.len() > 0
                && print.starts(&head)
                && ((print.is_telling() && is_inside) || is_whole)
        };
        let beside = self
            .streams
            .values_mut()
            .filter(|stream| is_beside(&stream.place, path));
        let is_live = beside.into_iter().any(|stream| {
            stream.learn_head();
            // Its file may have been copied and emptied, or the rest is looked for: then its length says nothing.
            let is_unsettled = matches!(stream.role, Role::Current | Role::Lost { .. });
            let length = if is_unsettled {
                u64::MAX
            } else {
                stream.length()
            };
            is_start_of(stream.head(), length)
        });
        let done = self
            .finished
            .values()
            .flatten()
            .filter(|position| is_beside(Path::new(&position.place), path));
        Ok(is_live
            || done
                .into_iter()
                .any(|position| is_start_of(&position.head, position.offset)))
    }
}
