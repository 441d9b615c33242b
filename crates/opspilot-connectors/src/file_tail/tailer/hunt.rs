//! Looks for generations of a log that came and went between two looks.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::super::content::Facts;
use super::super::position::Position;
use super::super::rotation::{Listings, is_beside, is_rotated_name};
use super::super::stream::{Moment, Role, Stream};
use super::Tailer;
use super::identity::Identity;

/// A time in which a log may have been rotated more than once: generations that came and went between two looks are
/// searched for.
#[derive(Debug)]
pub(super) struct Hunt {
    name: String,
    place: PathBuf,
    /// When the last known generation was last written.
    since: i64,
    pub(super) until: Instant,
}

impl Hunt {
    /// A hunt for the generations behind `stream`.
    pub(super) fn of(stream: &Stream, until: Instant) -> Self {
        Self::behind(&stream.reading_position(), until)
    }

    /// A hunt for the generations behind the stream at `position`, its own file among them.
    pub(super) fn behind(position: &Position, until: Instant) -> Self {
        let (name, place) = (Path::new(&position.name), Path::new(&position.place));
        // A stream that was itself found as a generation has the generations of its log.
        let place = if is_beside(name, place) { name } else { place };
        Self {
            name: position.name.clone(),
            place: place.to_owned(),
            since: position.modified,
            until,
        }
    }
}

impl Tailer {
    /// Reads generations that came and went between two looks.
    pub(super) fn hunt(&mut self, listings: &mut Listings, now: Moment) {
        let hunts = std::mem::take(&mut self.hunts);
        let role = Role::Rotated {
            until: now.monotonic + self.settings.rotate_wait,
        };
        for hunt in &hunts {
            let log = hunt
                .place
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            // From the oldest to the newest.
            for sibling in listings.siblings(&hunt.place).iter().rev() {
                let name = sibling
                    .path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                // An empty file may be a copy that is being made.
                let is_generation = sibling.facts.size > 0
                    && sibling.facts.modified >= hunt.since
                    && is_rotated_name(log, name);
                if is_generation
                    && matches!(self.identify(&sibling.path, &sibling.facts), Identity::New)
                {
                    self.follow(&hunt.name, &sibling.path, role, now);
                }
            }
        }
        self.hunts.extend(hunts);
    }

    /// A file may have come and gone since its path was looked at: only its rotated generations are there.
    pub(super) fn hunt_missing(&mut self, present: &HashMap<PathBuf, Facts>, now: Instant) {
        let paths = self
            .paths
            .fixed()
            .filter(|(path, _)| !present.contains_key(*path));
        let missing: Vec<(PathBuf, usize)> = paths
            .map(|(path, index)| (path.to_owned(), index))
            .collect();
        for (path, pattern) in missing {
            self.hunt_before(&path, pattern, now);
        }
    }

    /// A file that was never seen may be the last of several generations.
    pub(super) fn hunt_before(&mut self, path: &Path, pattern: usize, now: Instant) {
        let name = path.display().to_string();
        let live = self
            .names
            .get(&name)
            .into_iter()
            .flatten()
            .filter_map(|key| self.streams.get(key));
        let live = live.map(|stream| stream.modified).max();
        let done = self
            .finished
            .values()
            .flatten()
            .filter(|position| position.name == name);
        let known = live.max(done.map(|position| position.modified).max());
        let begun = self
            .paths
            .texts()
            .nth(pattern)
            .and_then(|text| self.begun.get(text))
            .copied();
        let Some(since) = known.or(begun) else { return };
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_known = self.hunts.iter().any(|hunt| hunt.place == place);
        if !is_known {
            self.hunts.push(Hunt {
                name,
                place,
                since,
                until: now,
            });
        }
    }
}
