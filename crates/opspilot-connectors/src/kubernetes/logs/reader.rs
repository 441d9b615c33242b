//! Reads one run of a container.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::signal::{Attributes, LogSource, PositionTracker};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::opening::{Now, Opened};
use super::text::Text;
use super::{Logs, Place, Run};
use crate::kubernetes::cluster::{Arriving, Trouble};

mod opening;
mod sending;

/// The most batches that are under way.
const IN_FLIGHT: usize = 16;

/// How far apart positions are stored at least.
const STORE_EVERY: Duration = Duration::from_millis(200);

/// How long the last position may take when the module stops.
const LAST_POSITION: Duration = Duration::from_secs(2);

/// How reading a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The run is over and was read to its end.
    Done,
    /// There may be more.
    Open,
    /// The cluster does not have the rest any more.
    Lost,
}

/// Reads one run of a container.
pub(super) struct Reader<'a> {
    logs: &'a Logs<'a>,
    cancel: CancellationToken,
    run: Run,
    /// What was read last.
    place: Place,
    /// The line at `place` was not met yet.
    is_seeking: bool,
    source: Arc<LogSource>,
    tracker: PositionTracker,
    settled: Arc<Notify>,
    marks: VecDeque<Place>,
    number: u64,
}

impl<'a> Reader<'a> {
    /// Goes on behind `place`; without one, at `since`, or at the beginning.
    pub(super) fn new(
        (logs, cancel): (&'a Logs<'a>, CancellationToken),
        run: Run,
        place: Option<Place>,
        since: Option<u64>,
    ) -> Self {
        let is_seeking = place.is_some();
        let since = since.unwrap_or(0);
        let place = place.unwrap_or_else(|| Place {
            format: 1,
            stream: run.stream.clone(),
            time: since,
            hash: 0,
            position: since,
            is_done: false,
        });
        let settled = Arc::<Notify>::default();
        let words = [
            ("collector", logs.cx.id),
            ("namespace", &run.namespace),
            ("podName", &run.pod),
            ("containerName", &run.container),
        ];
        let attributes = words.map(|(key, value)| (key.to_owned(), value.into()));
        let source = LogSource {
            module: logs.cx.id.into(),
            name: format!("{}/{}/{}", run.namespace, run.pod, run.container).into(),
            stream: run.stream.as_str().into(),
            attributes: Attributes::from_iter(attributes),
        };
        Self {
            logs,
            cancel,
            tracker: PositionTracker::new(place.position, Arc::clone(&settled)),
            settled,
            run,
            place,
            is_seeking,
            source: Arc::new(source),
            marks: VecDeque::new(),
            number: 0,
        }
    }

    /// Reads until the log ends or the module is cancelled, and says which run it was.
    pub(super) async fn run(mut self) -> (String, Result<End, Trouble>) {
        let outcome = self.follow().await;
        let end = match outcome {
            Ok(end) if !self.cancel.is_cancelled() => end,
            _ => End::Open,
        };
        let finish = self.finish(end != End::Open);
        let finish = tokio::time::timeout(LAST_POSITION, finish).await;
        let outcome = match (outcome, finish.unwrap_or(Ok(false))) {
            (Err(trouble), _) | (Ok(_), Err(trouble)) => Err(trouble),
            (Ok(_), Ok(true)) => Ok(end),
            // What was not stored is read again.
            (Ok(_), Ok(false)) => Ok(End::Open),
        };
        (self.run.stream, outcome)
    }

    /// Reads the log, and what is left of it when the container ended meanwhile.
    async fn follow(&mut self) -> Result<End, Trouble> {
        loop {
            let cancel = self.cancel.clone();
            let opened = tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(End::Open),
                opened = self.open() => opened?,
            };
            match opened {
                Opened::Log(arriving) => self.read(arriving).await?,
                Opened::Nothing => return Ok(End::Open),
                Opened::Lost => return Ok(End::Lost),
            }
            if self.run.is_over {
                return Ok(End::Done);
            }
            let now = tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(End::Open),
                now = self.look() => now?,
            };
            match now {
                Now::Is(run) if run.is_over => self.run = run,
                Now::Replaced => return Ok(End::Lost),
                Now::Is(_) | Now::Gone => return Ok(End::Open),
            }
            // The rest begins with lines that were read.
            self.is_seeking |= self.number > 0;
        }
    }

    async fn read(&mut self, mut arriving: Arriving) -> Result<(), Trouble> {
        let mut text = Text::default();
        let mut bytes = Vec::new();
        let mut due: Option<Instant> = None;
        loop {
            let has_room = self.tracker.in_flight() < IN_FLIGHT;
            let store_at = due.unwrap_or_else(Instant::now);
            let read = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep_until(store_at), if due.is_some() => {
                    due = None;
                    self.store().await?;
                    None
                }
                () = self.settled.notified() => {
                    due.get_or_insert_with(|| Instant::now() + STORE_EVERY);
                    None
                }
                read = Arriving::read(&mut arriving, &mut bytes), if has_room => Some(read?),
            };
            if self.tracker.has_failed() {
                return Err(Trouble::other(format!(
                    "lines of {} were not stored: they are read again",
                    self.source.name
                )));
            }
            match read {
                None => {}
                Some(0) => {
                    let rest: Vec<_> = text
                        .rest()
                        .into_iter()
                        .filter(|_| self.run.is_over)
                        .collect();
                    return self.send(rest).await;
                }
                Some(_) => {
                    let lines = text.take(&mut bytes);
                    self.send(lines).await?;
                }
            }
        }
    }

    async fn store(&mut self) -> Result<(), Trouble> {
        let settled = self.tracker.settled();
        let mut last = None;
        while self
            .marks
            .front()
            .is_some_and(|mark| mark.position <= settled)
        {
            last = self.marks.pop_front();
        }
        let Some(place) = last else {
            return Ok(());
        };
        self.logs.places.save(&place).await
    }

    /// Stores what settles, and that the run is done with if it is. False if something was not stored.
    async fn finish(&mut self, is_done: bool) -> Result<bool, Trouble> {
        loop {
            self.store().await?;
            if self.tracker.has_failed() {
                return Ok(false);
            }
            if self.tracker.in_flight() == 0 {
                break;
            }
            self.settled.notified().await;
        }
        self.store().await?;
        if is_done {
            self.place.is_done = true;
            self.logs.places.save(&self.place).await?;
        }
        Ok(true)
    }
}
