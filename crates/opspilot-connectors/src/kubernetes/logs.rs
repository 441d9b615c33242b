//! Logs of containers, chosen by the labels of their pods.
//!
//! Each run of a container is one *stream*; the position in it is the time that the node stamped on the line, in
//! nanoseconds, one more where two lines have the same. The API finds a line again by the second alone, so what was read is
//! passed over by its time and a hash of the line.
//!
//! A watch for each selector keeps the roster of runs; what is on it and not read, rested or done with is read as soon as
//! it is there. What is left of the run before is read first. The cluster hands out the logs of these two runs alone and
//! does not say which it hands out, so each log that is opened is made sure of (`reader::opening`); runs whose log was gone
//! before it was read are counted (`losses`).
//!
//! Known limit: what the API server says of a pod is what its node told last, some moments ago. A container that starts
//! again just then may still be taken for the one before it.

mod book;
mod losses;
mod places;
mod reader;
mod roster;
mod runs;
mod selection;
pub(super) mod text;

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use opspilot_core::module::Context;
use opspilot_core::storage::StorageError;
use tokio::time::Instant;

use self::book::Book;
use self::places::nanos;
use self::reader::{End, Reader};
use self::roster::{Roster, View};
use self::selection::Selection;
use super::cluster::{Cluster, Trouble};
use super::meters;

pub(super) use self::places::{Place, Places};
pub(super) use self::runs::Run;

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
                    if matches!(outcome, Ok(End::Lost)) {
                        self.lose(1);
                    }
                    book.ended(stream, outcome.as_ref().ok().copied(), failed);
                    self.say(outcome.map(drop));
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

    /// Tells of runs whose log is lost.
    fn lose(&self, runs: u64) {
        let lost = self.cx.metrics.counter(&meters::RUNS_LOST, &[]);
        lost.inc_by(runs);
        self.cx.health.detail("logRunsLost", lost.get());
        if runs > 0 {
            tracing::warn!(
                module = self.cx.id,
                runs,
                "containers started again before all of their last log was read"
            );
        }
    }

    /// The runs that are to be read.
    async fn look(&self, view: &View, book: &mut Book) -> Result<Vec<Wanted>, Trouble> {
        book.has_losses |= view.has_losses;
        book.looked = Instant::now();
        if view.is_whole {
            book.release(view, self.cluster.config().timeout());
        }
        self.lose(book.count_losses(view));
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
            let is_kept = |stream: &str| book.active.contains_key(stream);
            // What stopped halfway when the server did, and has no log any more.
            let is_lost =
                |stream: &str| !view.runs.contains_key(stream) && !book.is_settled(stream);
            let lost = self.places.tidy(&view.pods, is_kept, is_lost).await?;
            self.lose(lost);
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
                book.be_done(&run.stream);
                continue;
            }
            let since = is_old.then_some(first_look);
            wanted.push(Wanted {
                run: run.clone(),
                place,
                since,
            });
        }
        let grace = self.cluster.config().timeout();
        wanted.retain(|wanted| !book.holds(&wanted.run, view, grace));
        Ok(wanted)
    }
}
