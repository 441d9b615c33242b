//! Which streams there are, and what is stored of them.

use std::sync::Arc;

use super::super::position::Position;
use super::super::stream::{Role, Stream};
use super::{REMEMBERED, Tailer};

impl Tailer {
    /// The streams that were never stored.
    pub(super) fn unknown(&mut self) -> Vec<Position> {
        let mut positions = Vec::new();
        for key in &self.fresh {
            let Some(stream) = self.streams.get_mut(key) else {
                continue;
            };
            self.touched += 1;
            positions.extend(stream.unstored(self.touched));
        }
        positions
    }

    /// The positions that moved since they were stored.
    pub(in crate::file_tail) fn moved_positions(&mut self) -> Vec<Position> {
        let mut positions = Vec::new();
        let mut failed = Vec::new();
        for key in &self.active {
            let Some(stream) = self.streams.get_mut(key) else {
                continue;
            };
            stream.learn_head();
            if stream.has_failed() {
                failed.push(*key);
            }
            self.touched += 1;
            positions.extend(stream.unstored(self.touched));
        }
        failed.into_iter().for_each(|key| self.queue(key));
        positions
    }

    /// True if some position could move, now or later.
    pub(in crate::file_tail) fn has_unstored(&self) -> bool {
        !self.active.is_empty()
    }

    /// How many bytes would be read again after a crash although they could be stored as done.
    pub(in crate::file_tail) fn unstored_bytes(&self) -> u64 {
        let streams = self.active.iter().filter_map(|key| self.streams.get(key));
        streams.map(Stream::unstored_bytes).max().unwrap_or(0)
    }

    /// Notes that `positions` are stored.
    pub(in crate::file_tail) fn set_stored(&mut self, positions: Vec<Position>) {
        for position in positions {
            let Some(key) = self.ids.get(position.stream.as_str()).copied() else {
                continue;
            };
            self.fresh.remove(&key);
            if position.finished {
                self.remove(key);
                self.remember(position);
                // Its file may have grown meanwhile.
                self.scan_at.get_or_insert(self.turned_at);
            } else if let Some(stream) = self.streams.get_mut(&key) {
                stream.set_stored(position);
            }
        }
        let is_unsettled = |key: &u64| {
            let stream = self.streams.get(key);
            stream.is_some_and(|stream| {
                stream.is_waiting() || stream.unstored_bytes() > 0 || stream.role == Role::Done
            })
        };
        self.active = self.active.iter().copied().filter(is_unsettled).collect();
    }

    pub(super) fn insert(&mut self, stream: Stream) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.names
            .entry(stream.name().to_owned())
            .or_default()
            .insert(key);
        self.ids.insert(Arc::clone(&stream.source.stream), key);
        if stream.is_unknown() {
            self.fresh.insert(key);
        }
        self.streams.insert(key, stream);
        key
    }

    pub(super) fn remove(&mut self, key: u64) {
        let Some(stream) = self.streams.remove(&key) else {
            return;
        };
        self.active.remove(&key);
        self.alarms.remove(&key);
        self.fresh.remove(&key);
        self.ids.remove(&stream.source.stream);
        if let Some(same) = self.names.get_mut(stream.name()) {
            same.remove(&key);
            if same.is_empty() {
                self.names.remove(stream.name());
            }
        }
    }

    pub(super) fn remember(&mut self, position: Position) {
        self.finished
            .entry(position.file())
            .or_default()
            .push(position);
        self.remembered += 1;
        if self.remembered > REMEMBERED {
            let all = self.finished.values().flatten();
            let oldest = all
                .min_by_key(|position| position.touched)
                .map(Position::file);
            if let Some(file) = oldest {
                let forgotten = self.finished.remove(&file).unwrap_or_default();
                self.remembered -= forgotten.len();
                self.forgotten
                    .extend(forgotten.into_iter().map(|position| position.stream));
            }
        }
    }

    /// Takes a stream out of the finished ones.
    pub(super) fn revive(&mut self, position: &Position) {
        if let Some(same) = self.finished.get_mut(&position.file()) {
            let before = same.len();
            same.retain(|other| other.stream != position.stream);
            self.remembered -= before - same.len();
        }
    }
}
