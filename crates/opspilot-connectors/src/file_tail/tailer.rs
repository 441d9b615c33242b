//! Follows every file of the configuration. Synchronous: the caller says what changed and what time it is, and gets
//! batches and positions back.

mod begin;
mod book;
mod identity;
mod scan;
mod turn;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::content::{Content, FileId};
use super::paths::Paths;
use super::position::Position;
use super::stream::{Moment, Reading, Role, Step, Stream, Tally};

pub(super) use turn::{Interest, News, Settings, Stored, Totals, Turn, Wake};

/// How many chunks one turn reads at most, over all streams.
const CHUNKS_PER_TURN: usize = 4;

/// How many files stay open; above it, files that were read to their end are closed until they change.
const OPEN_FILES: usize = 512;

/// How many finished streams are remembered to recognise their files under other names.
const REMEMBERED: usize = 2000;

/// How long after an error a file is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Follows files.
#[derive(Debug)]
pub(super) struct Tailer {
    settings: Settings,
    reading: Reading,
    paths: Paths,
    streams: BTreeMap<u64, Stream>,
    next_key: u64,
    /// Streams of which nothing was stored yet.
    fresh: BTreeSet<u64>,
    ids: HashMap<Arc<str>, u64>,
    names: HashMap<String, BTreeSet<u64>>,
    places: HashMap<PathBuf, BTreeSet<u64>>,
    /// Finished streams by their file; an inode that was used again has several.
    finished: HashMap<FileId, Vec<Position>>,
    remembered: usize,
    forgotten: Vec<String>,
    /// When each pattern was first looked at, in nanoseconds since the Unix epoch.
    begun: BTreeMap<String, i64>,
    hunts: Vec<scan::Hunt>,
    scan_at: Option<Instant>,
    turned_at: Instant,
    ready: VecDeque<u64>,
    queued: BTreeSet<u64>,
    alarms: BTreeMap<u64, Instant>,
    active: BTreeSet<u64>,
    interest: Interest,
    touched: u64,
    totals: Totals,
    problems: BTreeMap<PathBuf, String>,
    /// The problems that are known to the log already.
    reported: BTreeMap<PathBuf, String>,
    /// The files that streams read, during a scan.
    taken: BTreeSet<FileId>,
}

impl Tailer {
    /// A tailer that resumes the stored positions.
    pub(super) fn new(
        settings: Settings,
        reading: Reading,
        paths: Paths,
        stored: Stored,
        now: Instant,
    ) -> Self {
        let mut tailer = Self {
            settings,
            reading,
            paths,
            streams: BTreeMap::new(),
            next_key: 0,
            fresh: BTreeSet::new(),
            ids: HashMap::new(),
            names: HashMap::new(),
            places: HashMap::new(),
            finished: HashMap::new(),
            remembered: 0,
            forgotten: Vec::new(),
            begun: stored
                .begun
                .into_iter()
                .map(|begun| (begun.pattern, begun.since))
                .collect(),
            hunts: Vec::new(),
            scan_at: Some(now),
            turned_at: now,
            ready: VecDeque::new(),
            queued: BTreeSet::new(),
            alarms: BTreeMap::new(),
            active: BTreeSet::new(),
            interest: Interest::default(),
            touched: 0,
            totals: Totals::default(),
            problems: BTreeMap::new(),
            reported: BTreeMap::new(),
            taken: BTreeSet::new(),
        };
        let mut positions = stored.positions;
        positions.sort_by_key(|position| position.touched);
        for position in positions {
            tailer.take_over(position, now);
        }
        tailer
    }

    fn take_over(&mut self, position: Position, now: Instant) {
        self.touched = self.touched.max(position.touched);
        if position.finished {
            self.remember(position);
            return;
        }
        if !position.sent || position.head.len() == 0 {
            // The first bytes of a file may be those of any other: whatever is found now is new, also if it was rotated.
            self.hunts.push(scan::Hunt::behind(
                &position,
                now + self.settings.rotate_wait,
            ));
            self.forgotten.push(position.stream);
            return;
        }
        let stream = Stream::resumed(position, &self.settings.module, &self.reading, now);
        self.insert(stream);
    }

    /// What was counted since the start.
    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    /// What cannot be read, and why.
    pub(super) const fn problems(&self) -> &BTreeMap<PathBuf, String> {
        &self.problems
    }

    /// How many files are followed.
    pub(super) fn files(&self) -> usize {
        self.streams
            .values()
            .filter(|stream| stream.role == Role::Current)
            .count()
    }

    /// The offset up to which the only followed file was read; `None` unless there is exactly one.
    pub(super) fn only_offset(&self) -> Option<u64> {
        let mut current = self
            .streams
            .values()
            .filter(|stream| stream.role == Role::Current);
        let only = current.next()?;
        current.next().is_none().then(|| only.offset())
    }

    /// How many bytes of the open files were not sent yet.
    pub(super) fn lag(&self) -> u64 {
        let lag = |stream: &Stream| {
            let size = stream.content.as_ref()?.facts().ok()?.size;
            Some(size.saturating_sub(stream.offset()))
        };
        self.active
            .iter()
            .filter_map(|key| self.streams.get(key))
            .filter_map(lag)
            .sum()
    }

    /// Reads what there is to read, within a bound.
    pub(super) fn turn(&mut self, wake: &Wake, now: Moment) -> Turn {
        let mut turn = Turn::default();
        self.turned_at = now.monotonic;
        self.note(wake, now.monotonic);
        if self.scan_at.is_some_and(|at| at <= now.monotonic) {
            self.scan_at = None;
            self.scan(now, &mut turn.news);
            turn.interest = self.changed_interest();
        }
        self.read(now, &mut turn);
        turn.news.positions.extend(self.unknown());
        turn.news.forgotten.append(&mut self.forgotten);
        turn.wakes_at = self.alarms.values().copied().chain(self.scan_at).min();
        turn
    }

    fn note(&mut self, wake: &Wake, now: Instant) {
        for path in &wake.written {
            self.note_growth(path);
        }
        let is_news = |path: &PathBuf| {
            self.paths.concerns(path)
                || self.interest.folders.contains(path)
                || self.is_beside(path)
        };
        if wake.everything || wake.moved.iter().any(is_news) {
            self.scan_at = Some(now);
        }
        let due = self
            .alarms
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(key, _)| *key);
        let due: Vec<u64> = due.collect();
        for key in due {
            self.alarms.remove(&key);
            self.queue(key);
        }
    }

    fn note_growth(&mut self, path: &Path) {
        if let Some(keys) = self.places.get(path) {
            let keys = keys.clone();
            keys.into_iter().for_each(|key| self.queue(key));
        }
        if path
            .parent()
            .is_some_and(|folder| self.interest.rotated_in.contains(folder))
        {
            let rotated = self
                .streams
                .iter()
                .filter(|(_, stream)| matches!(stream.role, Role::Rotated { .. }));
            let rotated: Vec<u64> = rotated.map(|(key, _)| *key).collect();
            rotated.into_iter().for_each(|key| self.queue(key));
        }
    }

    /// True if a rotated file may have come or gone at `path`.
    fn is_beside(&self, path: &Path) -> bool {
        self.places
            .keys()
            .any(|place| super::rotation::is_beside(place, path))
    }

    fn queue(&mut self, key: u64) {
        if self.queued.insert(key) {
            self.ready.push_back(key);
        }
    }

    fn read(&mut self, now: Moment, turn: &mut Turn) {
        let (mut waiting, mut blocked) = (Vec::new(), Vec::new());
        for _ in 0..CHUNKS_PER_TURN {
            // Streams that have nothing to give cost no chunk.
            while let Some(key) = self.ready.pop_front() {
                self.queued.remove(&key);
                if self.must_wait(key) {
                    waiting.push(key);
                    continue;
                }
                match self.step(key, now) {
                    Some(Step::Batch(batch, tally)) => {
                        self.count(key, tally);
                        turn.news.positions.extend(self.named_first(key));
                        turn.batches.push(batch);
                        self.queue(key);
                        break;
                    }
                    Some(Step::Moved(tally)) => {
                        self.count(key, tally);
                        self.queue(key);
                        break;
                    }
                    Some(Step::Blocked) => blocked.push(key),
                    Some(Step::Idle | Step::Replaced) | None => {}
                }
            }
        }
        let can_go_on = waiting.iter().any(|key| !self.must_wait(*key));
        turn.again = can_go_on || !self.ready.is_empty();
        turn.blocked = !blocked.is_empty();
        waiting
            .into_iter()
            .chain(blocked)
            .for_each(|key| self.queue(key));
    }

    /// The position of a stream that was stored before anything of it was sent, or when its file was still short. After a crash, what is
    /// sent must be told from another content that begins with the same few bytes.
    fn named_first(&mut self, key: u64) -> Option<Position> {
        let stream = self
            .streams
            .get_mut(&key)
            .filter(|stream| stream.is_stored_vaguely())?;
        self.touched += 1;
        stream.unstored(self.touched)
    }

    fn count(&mut self, key: u64, tally: Tally) {
        self.active.insert(key);
        self.totals.read.bytes += tally.bytes;
        self.totals.read.lines += tally.lines;
        self.totals.read.cut += tally.cut;
    }

    /// A file that took the place of another is read after it.
    fn must_wait(&self, key: u64) -> bool {
        let Some(stream) = self.streams.get(&key) else {
            return false;
        };
        let Some(same) = self.names.get(stream.name()) else {
            return false;
        };
        let earlier = same
            .range(..key)
            .filter_map(|earlier| self.streams.get(earlier));
        earlier.into_iter().any(|earlier| {
            matches!(earlier.role, Role::Rotated { .. } | Role::Fixed) && !earlier.drained
        })
    }

    fn step(&mut self, key: u64, now: Moment) -> Option<Step> {
        if !self.reopen(key, now) {
            return None;
        }
        let stream = self.streams.get_mut(&key)?;
        match stream.step(&self.reading, now) {
            Ok(step) => {
                self.after(key, &step, now);
                Some(step)
            }
            Err(error) => {
                self.failed(key, &error, now);
                None
            }
        }
    }

    /// Opens a file again that was closed to save descriptors.
    fn reopen(&mut self, key: u64, now: Moment) -> bool {
        let Some(stream) = self.streams.get_mut(&key) else {
            return false;
        };
        if stream.content.is_some() || stream.role != Role::Current {
            return true;
        }
        let position = stream.reading_position();
        let search = super::rotation::Search {
            position: &position,
            ratio: self.settings.archive_ratio,
        };
        let found = search.at(Path::new(&position.name));
        let resumed =
            found.is_some_and(|found| stream.resume_with(found.content, now.monotonic).is_ok());
        if !resumed {
            // Either it was rotated, which a scan finds out, or it was truncated while it was closed.
            self.lose(key, now);
        }
        resumed
    }

    fn after(&mut self, key: u64, step: &Step, now: Moment) {
        self.alarms.remove(&key);
        match step {
            Step::Idle => self.idle(key, now),
            Step::Replaced => self.truncated(key, now),
            Step::Batch(..) | Step::Moved(_) | Step::Blocked => {}
        }
    }

    fn idle(&mut self, key: u64, now: Moment) {
        let is_superseded = self.is_superseded(key, now.monotonic);
        let many = self.streams.len() > OPEN_FILES;
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        let wakes_at = stream.wakes_at(&self.reading);
        if stream.resting_until.is_none() && stream.content.is_some() {
            stream.drained = true;
        }
        let ends_at = match stream.role {
            Role::Fixed if stream.drained => Some(now.monotonic),
            Role::Rotated { until } => {
                Some(until.max(stream.grew_at() + self.settings.rotate_wait))
            }
            Role::Fixed | Role::Current | Role::Lost { .. } | Role::Done => None,
        };
        let is_over = ends_at.is_some_and(|at| at <= now.monotonic) && stream.unread() == 0;
        if is_over && (is_superseded || stream.role == Role::Fixed || is_unlinked(stream)) {
            self.finish(key);
        } else if let Some(at) = wakes_at.or(ends_at).filter(|at| *at > now.monotonic) {
            self.alarms.insert(key, at);
        } else if many && stream.role == Role::Current && wakes_at.is_none() {
            stream.content = None;
        }
    }

    /// A later file of the same name was rotated away as well, so nobody writes to this one any longer.
    fn is_superseded(&self, key: u64, now: Instant) -> bool {
        let name = self.streams.get(&key).map(Stream::name);
        let later = name
            .and_then(|name| self.names.get(name))
            .into_iter()
            .flat_map(|same| same.range(key + 1..));
        later
            .filter_map(|later| self.streams.get(later))
            .any(|later| match later.role {
                Role::Rotated { until } => until <= now,
                Role::Done => true,
                Role::Current | Role::Fixed | Role::Lost { .. } => false,
            })
    }

    fn finish(&mut self, key: u64) {
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        if let Some(facts) = stream
            .content
            .as_ref()
            .and_then(|content| content.facts().ok())
        {
            stream.modified = facts.modified;
        }
        stream.learn_head();
        stream.role = Role::Done;
        stream.drained = true;
        stream.content = None;
        self.alarms.remove(&key);
        self.active.insert(key);
    }

    fn truncated(&mut self, key: u64, now: Moment) {
        self.totals.truncations += 1;
        if let Some(stream) = self.streams.get(&key) {
            tracing::info!(
                path = stream.name(),
                offset = stream.offset(),
                "file was truncated"
            );
        }
        self.lose(key, now);
    }

    /// The file is not where it was, or not what it was: its rest is looked for.
    fn lose(&mut self, key: u64, now: Moment) {
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        stream.content = None;
        stream.role = Role::Lost {
            until: Some(now.monotonic + self.settings.rotate_wait),
        };
        self.hunts.push(scan::Hunt::of(
            stream,
            now.monotonic + self.settings.rotate_wait,
        ));
        self.scan_at = Some(now.monotonic);
    }

    fn failed(&mut self, key: u64, error: &io::Error, now: Moment) {
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        let path = stream.place.clone();
        let is_archive = stream.content.as_ref().is_some_and(Content::is_archive);
        stream.drained = true;
        if error.kind() == io::ErrorKind::FileTooLarge {
            self.totals.lost += 1;
            self.finish(key);
        } else if is_archive {
            // It may not be written to its end yet.
            let until = now.monotonic + self.settings.rotate_wait;
            stream.content = None;
            stream.role = Role::Lost { until: Some(until) };
            self.scan_at = Some(now.monotonic + RETRY);
        } else {
            self.alarms.insert(key, now.monotonic + RETRY);
        }
        self.report(path, error.to_string());
    }

    fn report(&mut self, path: PathBuf, problem: String) {
        let is_news = self.problems.get(&path) != Some(&problem)
            && self.reported.get(&path) != Some(&problem);
        if is_news {
            tracing::warn!(path = %path.display(), problem, "cannot read file");
        }
        self.problems.insert(path, problem);
    }
}

fn is_unlinked(stream: &Stream) -> bool {
    let facts = stream.content.as_ref().map(Content::facts);
    facts.is_none_or(|facts| facts.is_ok_and(|facts| facts.links == 0))
}

#[cfg(test)]
mod tests;
