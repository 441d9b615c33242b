//! Follows every file of the configuration. Synchronous: the caller says what changed and what time it is, and gets
//! batches and positions back.

mod begin;
mod book;
mod hunt;
mod identity;
mod outcome;
mod reading;
mod scan;
mod turn;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::content::FileId;
use super::paths::Paths;
use super::position::Position;
use super::stream::{Moment, Reading, Role, Stream};

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
    hunts: Vec<hunt::Hunt>,
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
            self.hunts.push(hunt::Hunt::behind(
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
}

#[cfg(test)]
mod tests;
