//! What becomes of a stream after it was read.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::super::content::Content;
use super::super::stream::{Moment, Role, Step, Stream};
use super::hunt::Hunt;
use super::{OPEN_FILES, RETRY, Tailer};

impl Tailer {
    pub(super) fn after(&mut self, key: u64, step: &Step, now: Moment) {
        self.alarms.remove(&key);
        match step {
            Step::Idle => self.idle(key, now),
            Step::Replaced => self.truncated(key, now),
            Step::Batch(..) | Step::Moved(_) | Step::Blocked => {}
        }
    }

    pub(super) fn idle(&mut self, key: u64, now: Moment) {
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
    pub(super) fn is_superseded(&self, key: u64, now: Instant) -> bool {
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

    pub(super) fn finish(&mut self, key: u64) {
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

    pub(super) fn truncated(&mut self, key: u64, now: Moment) {
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
    pub(super) fn lose(&mut self, key: u64, now: Moment) {
        let Some(stream) = self.streams.get_mut(&key) else {
            return;
        };
        stream.content = None;
        stream.role = Role::Lost {
            until: Some(now.monotonic + self.settings.rotate_wait),
        };
        self.hunts
            .push(Hunt::of(stream, now.monotonic + self.settings.rotate_wait));
        self.scan_at = Some(now.monotonic);
    }

    pub(super) fn failed(&mut self, key: u64, error: &io::Error, now: Moment) {
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

    pub(super) fn report(&mut self, path: PathBuf, problem: String) {
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
