//! Compares what is followed with what is in the file system.

use std::collections::btree_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use opspilot_core::signal::LogSource;

use super::super::content::{Compression, Content, Facts, FileId};
use super::super::fingerprint::{Print, TAIL, Tail};
use super::super::position::{Begun, Mark, Position};
use super::super::rotation::{Found, Listings, Search, is_beside, is_rotated_name};
use super::super::stream::{Moment, Role, Start, Stream};
use super::{Interest, News, OPEN_FILES, Tailer};

/// How often something that may still be moving is looked for again.
const SEARCH_AGAIN: Duration = Duration::from_millis(250);

/// The times of files are stamped with a clock that only ticks every few milliseconds, so they may lie in the past.
const CLOCK_SLACK_MS: i64 = 50;

/// A time in which a log may have been rotated more than once: generations that came and went between two looks are
/// searched for.
#[derive(Debug)]
pub(super) struct Hunt {
    name: String,
    place: PathBuf,
    /// When the last known generation was last written.
    since: i64,
    until: Instant,
}

impl Hunt {
    /// A hunt for the generations behind `stream`.
    pub(super) fn of(stream: &Stream, until: Instant) -> Self {
        let name = Path::new(stream.name());
        // A stream that was itself found as a generation has the generations of its log.
        let place = if is_beside(name, &stream.place) {
            name
        } else {
            &stream.place
        };
        Self {
            name: stream.name().to_owned(),
            place: place.to_owned(),
            since: stream.modified,
            until,
        }
    }
}

/// What an unfollowed file is.
enum Identity {
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

    fn scan_again(&mut self, at: Instant) {
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
                (Role::Current, Some(_)) if stream.seen_end() == 0 => {
                    // It was empty. What it held meanwhile may be in a copy already.
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

    /// Reads generations that came and went between two looks.
    fn hunt(&mut self, listings: &mut Listings, now: Moment) {
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
                let is_generation =
                    sibling.facts.modified >= hunt.since && is_rotated_name(log, name);
                if is_generation
                    && matches!(self.identify(&sibling.path, &sibling.facts), Identity::New)
                {
                    self.follow(&hunt.name, &sibling.path, role, now);
                }
            }
        }
        self.hunts.extend(hunts);
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

    /// A file may have come and gone since its path was looked at: only its rotated generations are there.
    fn hunt_missing(&mut self, present: &HashMap<PathBuf, Facts>, now: Instant) {
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
    fn hunt_before(&mut self, path: &Path, pattern: usize, now: Instant) {
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

    fn identify(&mut self, path: &Path, facts: &Facts) -> Identity {
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
    fn among_finished(&self, path: &Path, facts: &Facts) -> Option<Identity> {
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
    fn is_copy(&mut self, path: &Path, facts: &Facts) -> io::Result<bool> {
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
            is_start_of(stream.head(), stream.length())
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

    fn follow(&mut self, name: &str, path: &Path, role: Role, now: Moment) {
        let role = if Compression::of(path).is_some() {
            Role::Fixed
        } else {
            role
        };
        let begun = self.open(name, path, role, now, |_, _| Ok(Mark::default()));
        self.add(path, begun);
    }

    fn follow_from_end(&mut self, path: &Path, now: Moment) {
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

    fn add(&mut self, path: &Path, begun: io::Result<Stream>) {
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

    fn open(
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

    fn resume(&mut self, path: &Path, position: Position, now: Moment) {
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
