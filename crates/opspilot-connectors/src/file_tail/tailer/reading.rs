//! Reads what waits, stream by stream.

use std::path::Path;

use super::super::position::Position;
use super::super::rotation::Search;
use super::super::stream::{Moment, Role, Step, Tally};
use super::turn::Turn;
use super::{CHUNKS_PER_TURN, Tailer};

impl Tailer {
    pub(super) fn read(&mut self, now: Moment, turn: &mut Turn) {
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
        let search = Search {
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
}
