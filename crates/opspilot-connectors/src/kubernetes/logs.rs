//! Logs of containers, chosen by the labels of their pods.
//!
//! Each run of a container is one *stream*; the position in it is the time that the node stamped on the line, in
//! nanoseconds, one more where two lines have the same. The API finds a line again by the second alone, so what was read is
//! passed over by its time and a hash of the line.
//!
//! A watch for each selector keeps the roster of runs; what is on it and not read, rested or done with is read as soon as
//! it is there.

mod places;
mod reader;
mod roster;
mod runs;
mod selection;
pub(super) mod text;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use opspilot_core::module::Context;
use opspilot_core::storage::StorageError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::places::nanos;
use self::reader::Reader;
use self::roster::{Roster, View};
use self::runs::uid_of;
use self::selection::Selection;
use super::cluster::{Cluster, Trouble};

pub(super) use self::places::{Place, Places};
pub(super) use self::runs::Run;

/// How long a run rests whose log ended, before it is asked for again.
const REST: Duration = Duration::from_secs(1);

/// A run that is to be read.
struct Wanted {
    run: Run,
    /// How far it was read.
    place: Option<Place>,
    /// From when on it is read, in nanoseconds since 1970.
    since: Option<u64>,
}

/// Follows logs.
pub(super) struct Logs<'a> {
    pub(super) cx: &'a Context,
    pub(super) cluster: &'a Cluster,
    pub(super) places: Places<'a>,
}

/// What is known of the runs on the roster.
#[derive(Debug, Default)]
struct Book {
    /// The runs that are read, each with what ends that.
    active: BTreeMap<String, Active>,
    /// Until when runs rest.
    resting: HashMap<String, Instant>,
    /// Runs that were read to their end, or are older than the first look.
    done: HashSet<String>,
    /// Places of pods may be there that are gone.
    has_losses: bool,
}

#[derive(Debug)]
struct Active {
    cancel: CancellationToken,
    /// When it is ended, because its pod is gone.
    ends: Option<Instant>,
}

impl Logs<'_> {
    /// Follows until the module is cancelled.
    pub(super) async fn run(self) {
        let chosen = &self.cluster.config().pod_logs;
        if chosen.is_empty() {
            return;
        }
        let roster = Roster::new(chosen.len());
        let selections = chosen.iter().enumerate().map(|(number, chosen)| {
            let selection = Selection {
                cx: self.cx,
                cluster: self.cluster,
                roster: &roster,
                number,
                chosen,
            };
            selection.run()
        });
        tokio::join!(join_all(selections), self.follow(&roster));
    }

    async fn follow(&self, roster: &Roster) {
        let config = self.cluster.config();
        let failed = Duration::from_millis(config.poll_interval_ms);
        let mut readers = FuturesUnordered::new();
        let mut book = Book::default();
        let mut due: Option<Instant> = None;
        loop {
            let look_at = due.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => break,
                Some((stream, outcome)) = readers.next(), if !readers.is_empty() => {
                    let pause = if Result::is_ok(&outcome) { REST } else { failed };
                    book.ended(stream, pause);
                    self.say(outcome);
                    due = Some(Instant::now());
                }
                () = roster.changed() => due = Some(Instant::now()),
                () = tokio::time::sleep_until(look_at), if due.is_some() => {
                    let view = roster.view();
                    let wanted = match self.look(&view, &mut book).await {
                        Ok(wanted) => wanted,
                        Err(trouble) => {
                            self.say(Err(trouble));
                            due = Some(Instant::now() + failed);
                            continue;
                        }
                    };
                    let room = config.max_log_streams.saturating_sub(book.active.len());
                    self.cx.health.detail("logStreamsLeftOut", wanted.len().saturating_sub(room));
                    for Wanted { run, place, since } in wanted.into_iter().take(room) {
                        let cancel = self.cx.cancel.child_token();
                        book.begin(&run, cancel.clone());
                        readers.push(Reader::new((self, cancel), run, place, since).run());
                    }
                    self.cx.health.detail("logStreams", book.active.len());
                    due = book.next_look();
                }
            }
        }
        // Each stores what settles within a short time.
        while readers.next().await.is_some() {}
    }

    fn say(&self, outcome: Result<(), Trouble>) {
        match outcome {
            Ok(()) => self.cx.health.clear("logs"),
            Err(trouble) => self
                .cx
                .health
                .raise("logs", trouble.status, trouble.message),
        }
    }

    /// The runs that are to be read.
    async fn look(&self, view: &View, book: &mut Book) -> Result<Vec<Wanted>, Trouble> {
        book.has_losses |= view.has_losses;
        if view.is_whole {
            book.release(view, self.cluster.config().timeout());
        }
        self.choose(view, book).await.map_err(|error| {
            Trouble::other(format!(
                "cannot read where logs are: {}",
                opspilot_core::error::chain(&error)
            ))
        })
    }

    async fn choose(&self, view: &View, book: &mut Book) -> Result<Vec<Wanted>, StorageError> {
        let first_look = self.places.first_look().await?;
        if view.is_whole && book.has_losses {
            let is_active = |stream: &str| book.active.contains_key(stream);
            self.places.forget_gone(&view.pods, is_active).await?;
            book.has_losses = false;
        }
        let mut wanted = Vec::new();
        for run in view.runs.values() {
            if !book.is_free(&run.stream) {
                continue;
            }
            let place = self.places.get(&run.stream).await?;
            let is_old = run.at.is_some_and(|at| nanos(at) < first_look);
            let is_done = place.as_ref().is_some_and(|place| place.is_done);
            if is_done || (is_old && run.is_over && place.is_none()) {
                book.done.insert(run.stream.clone());
                continue;
            }
            let since = is_old.then_some(first_look);
            wanted.push(Wanted {
                run: run.clone(),
                place,
                since,
            });
        }
        Ok(wanted)
    }
}

impl Book {
    /// True if the run is neither read nor rests nor is done with.
    fn is_free(&self, stream: &str) -> bool {
        let rests = self.resting.get(stream);
        !self.active.contains_key(stream)
            && !self.done.contains(stream)
            && rests.is_none_or(|until| *until <= Instant::now())
    }

    fn begin(&mut self, run: &Run, cancel: CancellationToken) {
        self.resting.remove(&run.stream);
        let active = Active { cancel, ends: None };
        self.active.insert(run.stream.clone(), active);
    }

    fn ended(&mut self, stream: String, pause: Duration) {
        let active = self.active.remove(&stream);
        // Its place could not be forgotten while it was read.
        self.has_losses |= active.is_some_and(|active| active.ends.is_some());
        self.resting.insert(stream, Instant::now() + pause);
    }

    /// Lets go of what is not on the roster any more. A log that is read may go on for `grace`.
    fn release(&mut self, view: &View, grace: Duration) {
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
    }

    /// When to look again without being told to.
    fn next_look(&self) -> Option<Instant> {
        let ends = self.active.values().filter_map(|active| active.ends);
        let ends = ends.filter(|ends| *ends > Instant::now());
        self.resting.values().copied().chain(ends).min()
    }
}
