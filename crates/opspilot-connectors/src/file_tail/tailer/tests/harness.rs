use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use opspilot_core::clock::{Clock, SystemClock};
use opspilot_core::signal::{BufferPool, LogBatch};

use super::super::super::paths::Paths;
use super::super::super::position::{Begun, Position};
use super::super::super::splitter::Splitter;
use super::super::super::stream::{Moment, Reading};
use super::super::{Settings, Stored, Tailer, Turn, Wake};

/// A tailer, the folder it reads, and the storage that survives it.
pub(super) struct Harness {
    folder: tempfile::TempDir,
    patterns: Vec<String>,
    pub(super) from_beginning: bool,
    tailer: Option<Tailer>,
    now: Moment,
    positions: BTreeMap<String, Position>,
    begun: Vec<Begun>,
    /// Every record seen, by stream and position.
    pub(super) seen: BTreeMap<(String, u64), String>,
    /// Names of the sources, by stream.
    pub(super) names: BTreeMap<String, String>,
    /// How many records were seen, with those seen again.
    pub(super) deliveries: usize,
    /// Batches whose acknowledgement is held back.
    held: Vec<LogBatch>,
    pub(super) hold: bool,
    pub(super) max_line: usize,
    pub(super) latin1: bool,
}

impl Harness {
    pub(super) fn new(patterns: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let patterns = patterns
            .iter()
            .map(|pattern| folder.path().join(pattern).display().to_string())
            .collect();
        let now = Moment {
            monotonic: Instant::now(),
            wall: SystemClock.now(),
        };
        Self {
            folder,
            patterns,
            from_beginning: true,
            tailer: None,
            now,
            positions: BTreeMap::new(),
            begun: Vec::new(),
            seen: BTreeMap::new(),
            names: BTreeMap::new(),
            deliveries: 0,
            held: Vec::new(),
            hold: false,
            max_line: 65536,
            latin1: false,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    pub(super) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// As `copytruncate` of logrotate does.
    pub(super) fn copy_truncate(&self, name: &str, copy: &str) {
        fs::copy(self.path(name), self.path(copy)).unwrap();
        self.truncate(name);
    }

    pub(super) fn truncate(&self, name: &str) {
        OpenOptions::new()
            .write(true)
            .open(self.path(name))
            .unwrap()
            .set_len(0)
            .unwrap();
    }

    /// As `gzip NAME` does: the modification time is kept.
    pub(super) fn gzip(&self, name: &str) {
        let modified = fs::metadata(self.path(name)).unwrap().modified().unwrap();
        let target = File::create(self.path(&format!("{name}.gz"))).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(target, flate2::Compression::fast());
        encoder
            .write_all(&fs::read(self.path(name)).unwrap())
            .unwrap();
        encoder.finish().unwrap().set_modified(modified).unwrap();
        self.remove(name);
    }

    pub(super) fn zstd(&self, name: &str) {
        let modified = fs::metadata(self.path(name)).unwrap().modified().unwrap();
        let packed = zstd::encode_all(&fs::read(self.path(name)).unwrap()[..], 1).unwrap();
        let mut target = File::create(self.path(&format!("{name}.zst"))).unwrap();
        target.write_all(&packed).unwrap();
        target.set_modified(modified).unwrap();
        self.remove(name);
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, millis: u64) {
        self.now.monotonic += Duration::from_millis(millis);
        self.now.wall = self.now.wall.plus(Duration::from_millis(millis));
    }

    /// Kills the tailer: only what was stored survives.
    pub(super) fn crash(&mut self) {
        self.tailer = None;
        self.held.clear();
    }

    pub(super) const fn is_running(&self) -> bool {
        self.tailer.is_some()
    }

    /// Acknowledges everything that was held back.
    pub(super) fn release(&mut self) {
        self.hold = false;
        self.held.clear();
    }

    /// Says that nothing that was held back could be stored.
    pub(super) fn fail_held(&mut self) {
        self.hold = false;
        self.held.drain(..).for_each(|batch| batch.ack().fail());
    }

    /// Stores the positions that moved.
    pub(super) fn store(&mut self) {
        let positions = self.tailer().moved_positions();
        self.keep(positions);
    }

    fn keep(&mut self, positions: Vec<Position>) {
        for position in &positions {
            self.positions
                .insert(position.stream.clone(), position.clone());
        }
        self.tailer().set_stored(positions);
    }

    pub(super) fn tailer(&mut self) -> &mut Tailer {
        if self.tailer.is_none() {
            self.tailer = Some(self.start());
        }
        self.tailer.as_mut().unwrap()
    }

    fn start(&self) -> Tailer {
        let settings = Settings {
            module: "connector.fileTail".into(),
            first_from_beginning: if self.from_beginning { 0 } else { usize::MAX },
            rotate_wait: Duration::from_secs(5),
            archive_ratio: 200,
        };
        let reading = Reading {
            splitter: Splitter::new(self.max_line, None),
            latin1: self.latin1,
            line_patience: Duration::from_secs(1),
            group_patience: Duration::from_millis(250),
            pool: BufferPool::new(8),
            settled: Arc::default(),
        };
        let patterns: Vec<&str> = self.patterns.iter().map(String::as_str).collect();
        let stored = Stored {
            positions: self.positions.values().map(stored_form).collect(),
            begun: self.begun.clone(),
        };
        let paths = Paths::parse(&patterns, &[]).unwrap();
        Tailer::new(settings, reading, paths, stored, self.now.monotonic)
    }

    /// One turn in which the tailer is told to look at everything.
    pub(super) fn look(&mut self) -> bool {
        let wake = Wake {
            everything: true,
            ..Wake::default()
        };
        self.turn(&wake)
    }

    pub(super) fn turn(&mut self, wake: &Wake) -> bool {
        let now = self.now;
        let Turn {
            news,
            batches,
            again,
            wakes_at,
            ..
        } = self.tailer().turn(wake, now);
        self.begun.extend(news.begun);
        for stream in &news.forgotten {
            self.positions.remove(stream);
        }
        self.keep(news.positions);
        for batch in batches {
            self.take(batch);
        }
        again || wakes_at.is_some_and(|at| at <= now.monotonic)
    }

    fn take(&mut self, batch: LogBatch) {
        let stream = batch.source().stream.to_string();
        self.names
            .insert(stream.clone(), batch.source().name.to_string());
        assert!(
            self.positions.contains_key(&stream),
            "sent before its stream was stored"
        );
        for record in batch.iter() {
            self.deliveries += 1;
            let text = record.text().into_owned();
            let known = self
                .seen
                .insert((stream.clone(), record.position), text.clone());
            assert!(
                known.is_none_or(|known| known == text),
                "one position, two records"
            );
        }
        if self.hold {
            self.held.push(batch);
        }
    }

    /// Takes turns until there is nothing more to do now.
    pub(super) fn read(&mut self) {
        self.look();
        for _ in 0..10_000 {
            if !self.turn(&Wake::default()) {
                return;
            }
        }
        panic!("never comes to rest");
    }

    /// Takes turns for so long that every wait is over, and stores.
    pub(super) fn settle(&mut self) {
        for _ in 0..30 {
            self.read();
            self.store();
            self.pass(500);
        }
    }

    /// The texts seen, sorted.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.seen.values().cloned().collect();
        texts.sort_unstable();
        texts
    }

    /// Asserts that exactly the lines `0..count` were seen, each once.
    pub(super) fn assert_lines(&self, count: usize) {
        let expected: Vec<String> = (0..count).map(line).collect();
        let mut places: BTreeMap<&str, Vec<&(String, u64)>> = BTreeMap::new();
        for (place, text) in &self.seen {
            places.entry(text).or_default().push(place);
        }
        let missing: Vec<_> = expected
            .iter()
            .filter(|line| !places.contains_key(line.as_str()))
            .collect();
        let wrong: Vec<_> = places
            .iter()
            .filter(|(text, places)| places.len() > 1 || text.len() != line(0).len())
            .collect();
        assert!(
            missing.is_empty() && wrong.is_empty(),
            "{} missing {:?}; {} wrong {:?}; streams {:#?}",
            missing.len(),
            missing.first(),
            wrong.len(),
            wrong.first(),
            self.names
        );
    }
}

/// A position as it comes back from storage.
fn stored_form(position: &Position) -> Position {
    serde_json::from_str(&serde_json::to_string(position).unwrap()).unwrap()
}

/// The text of line `number`. All start alike, as the lines of real logs do.
pub(super) fn line(number: usize) -> String {
    format!("order accepted and paid {number:07}")
}

/// Lines of the given numbers, with their ends.
pub(super) fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers
        .map(|number| format!("{}\n", line(number)))
        .collect()
}

/// Writes without append mode, at an offset of its own.
pub(super) fn write_at(path: &Path, offset: u64, text: &str) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, text.as_bytes(), offset).unwrap();
}

/// The size of a file.
pub(super) fn size(path: &Path) -> u64 {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes.len() as u64
}
