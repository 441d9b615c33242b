//! What is known of the runs on the roster: which are read, rest, wait or are done with.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::losses::Losses;
use super::reader::End;
use super::roster::View;
use super::runs::{Run, container_of, uid_of};

/// How long a run rests whose log ended, before it is asked for again.
const REST: Duration = Duration::from_secs(1);

/// What is known of the runs on the roster.
#[derive(Debug)]
pub(super) struct Book {
    /// The runs that are read, each with what ends that.
    pub(super) active: BTreeMap<String, Active>,
    /// Until when runs rest.
    resting: HashMap<String, Instant>,
    /// Runs that were read to their end, or are older than the first look.
    done: HashSet<String>,
    /// Until when runs are held back, so that what is left of the ones before is read first.
    held: HashMap<String, Instant>,
    losses: Losses,
    /// When the roster was looked at last.
    pub(super) looked: Instant,
    /// Places of pods may be there that are gone.
    pub(super) has_losses: bool,
}

#[derive(Debug)]
pub(super) struct Active {
    cancel: CancellationToken,
    /// When it is ended, because its pod is gone.
    ends: Option<Instant>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            active: BTreeMap::new(),
            resting: HashMap::new(),
            done: HashSet::new(),
            held: HashMap::new(),
            losses: Losses::default(),
            looked: Instant::now(),
            has_losses: false,
        }
    }
}

impl Book {
    /// True if the run is neither read nor rests nor is done with.
    pub(super) fn is_free(&self, stream: &str) -> bool {
        let rests = self.resting.get(stream);
        !self.active.contains_key(stream)
            && !self.done.contains(stream)
            && rests.is_none_or(|until| *until <= self.looked)
    }

    pub(super) fn begin(&mut self, run: &Run, cancel: CancellationToken) {
        self.resting.remove(&run.stream);
        self.held.remove(&run.stream);
        let active = Active { cancel, ends: None };
        self.active.insert(run.stream.clone(), active);
    }

    /// Reading ended so; `None` because of a fault, after which the run rests for `failed`.
    pub(super) fn ended(&mut self, stream: String, end: Option<End>, failed: Duration) {
        let active = self.active.remove(&stream);
        // Its place could not be forgotten while it was read.
        self.has_losses |= active.is_some_and(|active| active.ends.is_some());
        let pause = match end {
            Some(End::Done | End::Lost) => return self.be_done(&stream),
            Some(End::Open) => REST,
            None => failed,
        };
        self.resting.insert(stream, Instant::now() + pause);
    }

    /// The run is not read any more.
    pub(super) fn be_done(&mut self, stream: &str) {
        self.resting.remove(stream);
        self.done.insert(stream.to_owned());
    }

    /// True if nothing is to be said about the run any more, or it is read.
    pub(super) fn is_settled(&self, stream: &str) -> bool {
        self.active.contains_key(stream) || self.done.contains(stream)
    }

    /// How many runs were lost since the last look.
    pub(super) fn count_losses(&mut self, view: &View) -> u64 {
        let (active, done) = (&self.active, &self.done);
        let is_active = |stream: &str| active.contains_key(stream);
        let is_done = |stream: &str| done.contains(stream);
        let lost = self.losses.look(view, is_active, is_done);
        let count = lost.unseen + lost.unread.len() as u64;
        self.done.extend(lost.unread);
        count
    }

    /// True if the run has to wait, for `grace` at most, until the one before it is read to its end.
    pub(super) fn holds(&mut self, run: &Run, view: &View, grace: Duration) -> bool {
        let container = container_of(&run.stream);
        let mut others = view
            .runs
            .values()
            .filter(|other| other.stream != run.stream && container_of(&other.stream) == container);
        let is_first = run.is_previous
            || !others.any(|other| other.is_previous && !self.done.contains(&other.stream));
        if is_first {
            return false;
        }
        let until = self.held.entry(run.stream.clone());
        *until.or_insert(self.looked + grace) > self.looked
    }

    /// Lets go of what is not on the roster any more. A log that is read may go on for `grace`.
    pub(super) fn release(&mut self, view: &View, grace: Duration) {
        let now = Instant::now();
        for (stream, active) in &mut self.active {
            if view.pods.contains(uid_of(stream)) {
                active.ends = None;
                continue;
            }
            let ends = *active.ends.get_or_insert(now + grace);
            if ends <= now {
                active.cancel.cancel();
            }
        }
        let is_there = |stream: &str| view.pods.contains(uid_of(stream));
        self.resting.retain(|stream, _| is_there(stream));
        self.done.retain(|stream| is_there(stream));
        self.held.retain(|stream, _| is_there(stream));
    }

    /// When to look again without being told to.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let ends = self.active.values().filter_map(|active| active.ends);
        let waits = self.resting.values().chain(self.held.values()).copied();
        // What was due at the last look and did not begin waits for room, which is seen when another ends.
        waits.chain(ends).filter(|at| *at > self.looked).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_is_to_come_makes_a_look() {
        let mut book = Book::default();
        let failed = Duration::from_secs(9);
        for (run, end) in [("a", Some(End::Open)), ("b", None), ("c", Some(End::Done))] {
            book.ended(run.to_owned(), end, failed);
        }
        let began = book.looked;
        assert_eq!(book.next_look(), Some(began + REST));
        // There was no room for `a` then.
        book.looked = began + REST;
        assert!(book.is_free("a") && !book.is_free("b") && !book.is_free("c"));
        assert_eq!(book.next_look(), Some(began + failed));
        book.looked = began + failed;
        book.be_done("a");
        assert_eq!(book.next_look(), None);
    }
}
