//! Compares what is followed with what is in the file system.

use std::collections::btree_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::content::{Content, Facts, FileId};
use super::super::position::Begun;
use super::super::rotation::{Found, Listings, Search};
use super::super::stream::{Moment, Role, Stream};
use super::hunt::Hunt;
use super::identity::Identity;
use super::{Interest, News, Tailer};

/// How often something that may still be moving is looked for again.
const SEARCH_AGAIN: Duration = Duration::from_millis(250);

/// The times of files are stamped with a clock that only ticks every few milliseconds, so they may lie in the past.
const CLOCK_SLACK_MS: i64 = 50;

impl Tailer {
    /// Looks at every pattern and every stream.
    pub(super) fn scan(&mut self, now: Moment, news: &mut News) {
        let expansion = self.paths.expand();
        self.reported = std::mem::take(&mut self.problems);
        for (folder, problem) in expansion.problems {
            self.report(folder, problem);
        }
        let present = self.look(&expansion.files);
        self.leave(&present, now);
        let mut listings = Listings::default();
        self.search(&present, &mut listings, now, news);
        self.taken = self.open_files();
        self.hunt_missing(&present, now.monotonic);
        self.hunt(&mut listings, now);
        self.begin(&expansion.files, &present, now);
        self.hunt(&mut listings, now);
        for text in self.paths.texts() {
            if let Entry::Vacant(unseen) = self.begun.entry(text.to_owned()) {
                let since = now
                    .wall
                    .as_millis()
                    .saturating_sub(CLOCK_SLACK_MS)
                    .saturating_mul(1_000_000);
                unseen.insert(since);
                news.begun.push(Begun {
                    pattern: text.to_owned(),
                    since,
                });
            }
        }
        self.hunts.retain(|hunt| now.monotonic < hunt.until);
        let searching = self
            .streams
            .values()
            .any(|stream| matches!(stream.role, Role::Lost { until: Some(_) }));
        if searching || !self.hunts.is_empty() {
            self.scan_again(now.monotonic + SEARCH_AGAIN);
        }
        self.index(expansion.folders);
    }

    pub(super) fn scan_again(&mut self, at: Instant) {
        self.scan_at = Some(self.scan_at.map_or(at, |planned| planned.min(at)));
    }

    fn look(&mut self, files: &[(PathBuf, usize)]) -> HashMap<PathBuf, Facts> {
        let mut present = HashMap::with_capacity(files.len());
        for (path, _) in files {
            match fs::metadata(path) {
                Ok(metadata) => {
                    present.insert(path.clone(), Facts::from(&metadata));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.report(path.clone(), error.to_string()),
            }
        }
        present
    }

    /// Finds the streams whose file lost its name or its content.
    fn leave(&mut self, present: &HashMap<PathBuf, Facts>, now: Moment) {
        let until = now.monotonic + self.settings.rotate_wait;
        let (mut queue, mut replaced) = (Vec::new(), Vec::new());
        for (key, stream) in &mut self.streams {
            let facts = present.get(Path::new(&*stream.source.name));
            match (stream.role, facts.filter(|facts| facts.id == stream.file)) {
                (Role::Current, Some(facts)) if !stream.differs_from(facts) => continue,
                (Role::Current, None) => {
                    self.totals.rotations += 1;
                    self.hunts.push(Hunt::of(stream, until));
                    stream.lose_name(until);
                }
                (Role::Current, Some(_)) if !stream.is_known_well() => {
                    // What it held meanwhile may be in a copy already, and what it holds now may begin alike.
                    self.hunts.push(Hunt::of(stream, until));
                }
                (Role::Current | Role::Rotated { .. }, _) => {}
                (Role::Fixed | Role::Lost { .. } | Role::Done, _) => continue,
            }
            if stream.is_replaced() {
                replaced.push(*key);
                continue;
            }
            if let Some(facts) = facts.filter(|facts| facts.id == stream.file) {
                stream.modified = facts.modified;
            }
            queue.push(*key);
        }
        queue.into_iter().for_each(|key| self.queue(key));
        // The copy of a truncated file must be found before it is taken for a new one.
        replaced
            .into_iter()
            .for_each(|key| self.truncated(key, now));
    }

    /// Looks for the files of lost streams.
    fn search(
        &mut self,
        present: &HashMap<PathBuf, Facts>,
        listings: &mut Listings,
        now: Moment,
        news: &mut News,
    ) {
        let lost = self
            .streams
            .iter()
            .filter(|(_, stream)| matches!(stream.role, Role::Lost { .. }));
        let lost: Vec<u64> = lost.map(|(key, _)| *key).collect();
        for key in lost {
            let Some(stream) = self.streams.get(&key) else {
                continue;
            };
            if !stream.may_be_sent() {
                // Its first bytes may be those of any generation. Whichever nobody has read is new.
                let until = now.monotonic + self.settings.rotate_wait;
                self.hunts.push(Hunt::of(stream, until));
                self.forgotten.push(stream.source.stream.to_string());
                self.remove(key);
                continue;
            }
            let position = stream.reading_position();
            let search = Search {
                position: &position,
                ratio: self.settings.archive_ratio,
            };
            let here = present
                .get(Path::new(&position.name))
                .filter(|facts| facts.id == position.file());
            let found = here.and_then(|_| search.at(Path::new(&position.name)));
            let is_current = found.is_some();
            match found.or_else(|| search.beside(&self.open_files(), listings)) {
                Some(found) => self.found(key, found, is_current, now, news),
                None => self.not_found(key, now.monotonic),
            }
        }
    }

    fn open_files(&self) -> BTreeSet<FileId> {
        // A closed file's inode may be used again.
        let open = |stream: &&Stream| !matches!(stream.role, Role::Lost { .. } | Role::Done);
        self.streams
            .values()
            .filter(open)
            .map(|stream| stream.file)
            .collect()
    }

    fn found(&mut self, key: u64, found: Found, is_current: bool, now: Moment, news: &mut News) {
        let until = now.monotonic + self.settings.rotate_wait;
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        let was_rotated = !is_current;
        if was_rotated && !stream.was_opened() {
            self.hunts.push(Hunt::of(stream, until));
            self.totals.rotations += 1;
        } else if is_current && !stream.is_known_well() {
            self.hunts.push(Hunt::of(stream, until));
        }
        stream.role = match &found.content {
            Content::Plain(_) if is_current => Role::Current,
            Content::Plain(_) if found.is_same_file => Role::Rotated { until },
            Content::Plain(_) | Content::Archive(_) => Role::Fixed,
        };
        if !found.is_same_file {
            stream.file = found.facts.id;
        }
        if let Err(error) = stream.resume_with(found.content, now.monotonic) {
            stream.role = Role::Lost { until: Some(until) };
            self.report(found.path, error.to_string());
            return;
        }
        tracing::debug!(path = stream.name(), place = %found.path.display(), "found where to read on");
        if !is_current {
            self.touched += 1;
            news.positions.extend(stream.unstored(self.touched));
        }
        self.queue(key);
    }

    fn not_found(&mut self, key: u64, now: Instant) {
        let until = now + self.settings.rotate_wait;
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        match stream.role {
            Role::Lost { until: Some(until) } if until <= now => {}
            Role::Lost { until: None } => {
                // As long as the folder is missing, the file may come back with it: a mount, a volume.
                if stream.place.parent().is_some_and(Path::is_dir) {
                    self.hunts.push(Hunt::of(stream, until));
                    stream.role = Role::Lost { until: Some(until) };
                }
                return;
            }
            _ => return,
        }
        if stream.unread() > 0 || !stream.was_opened() {
            self.totals.lost += 1;
            tracing::warn!(
                path = stream.name(),
                offset = stream.offset(),
                "the rest of a rotated file was not found"
            );
        }
        self.finish(key);
    }

    /// Follows the files that nobody follows yet.
    fn begin(
        &mut self,
        files: &[(PathBuf, usize)],
        present: &HashMap<PathBuf, Facts>,
        now: Moment,
    ) {
        let texts: Vec<String> = self.paths.texts().map(str::to_owned).collect();
        for (path, pattern) in files {
            let Some(facts) = present.get(path) else {
                continue;
            };
            let is_first = texts
                .get(*pattern)
                .is_some_and(|text| !self.begun.contains_key(text));
            match self.identify(path, facts) {
                Identity::Known | Identity::Later => {}
                Identity::Grown(position) => self.resume(path, *position, now),
                Identity::New if is_first && *pattern < self.settings.first_from_beginning => {
                    self.follow_from_end(path, now);
                }
                Identity::New => {
                    if !is_first {
                        self.hunt_before(path, *pattern, now.monotonic);
                    }
                    self.follow(&path.display().to_string(), path, Role::Current, now);
                }
            }
        }
    }

    fn index(&mut self, mut folders: BTreeSet<PathBuf>) {
        self.places.clear();
        let mut interest = Interest::default();
        for (key, stream) in &self.streams {
            let folder = stream.place.parent().map(Path::to_path_buf);
            if matches!(stream.role, Role::Rotated { .. }) {
                interest.rotated_in.extend(folder.clone());
            }
            folders.extend(folder.filter(|folder| folder.is_dir()));
            for path in [stream.place.clone(), PathBuf::from(stream.name())] {
                interest.files.insert(path.clone());
                self.places.entry(path).or_default().insert(*key);
            }
        }
        interest.folders = folders;
        self.interest = interest;
    }

    /// What to watch.
    pub(super) fn changed_interest(&self) -> Option<Interest> {
        Some(self.interest.clone())
    }
}
