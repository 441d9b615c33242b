//! Follows the journal: starts the reader, sends what it hands over, and starts it again when it ends.

use std::time::Duration;

use opspilot_core::module::{Context, HealthStatus, RunError};
use opspilot_core::resilience::BackoffPolicy;
use tokio::time::Instant;

use super::config::Config;
use super::entry::Place;
use super::filter::Filter;
use super::gather::{Draft, First, Gatherer};
use super::meters::Meters;
use super::progress::{Cursor, Position, Progress};
use super::source::{From, Source, Trouble};
use crate::lines::Lines;

/// The most batches that are under way.
const IN_FLIGHT: usize = 64;

/// A reader that lives so long is well.
const PROBATION: Duration = Duration::from_secs(1);

/// How far apart the figures are shown.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// The pauses between readers.
const PAUSES: BackoffPolicy =
    BackoffPolicy::endless(Duration::from_millis(500), Duration::from_secs(30));

/// Follows the journal.
pub(super) struct Follower<'a> {
    pub(super) cx: &'a Context,
    pub(super) config: &'a Config,
    pub(super) filter: Filter,
    pub(super) gatherer: Gatherer,
    pub(super) progress: Progress,
    pub(super) meters: Meters,
    /// The filter of the stored position was another.
    pub(super) is_new_filter: bool,
}

/// How the life of one reader ended.
enum Ended {
    Cancelled,
    /// A batch was not stored: it is read again.
    Failed,
    Troubled(Trouble),
}

impl Follower<'_> {
    /// Follows until the module is cancelled.
    pub(super) async fn run(mut self) -> Result<(), RunError> {
        let mut backoff = PAUSES.start();
        loop {
            let started = Instant::now();
            match self.live().await {
                Ended::Cancelled => return Ok(()),
                Ended::Failed => {}
                Ended::Troubled(trouble) => {
                    if trouble.is_cursor {
                        self.progress.forget();
                    }
                    self.cx
                        .health
                        .raise("read", trouble.status, trouble.message);
                }
            }
            if started.elapsed() >= PROBATION {
                backoff.reset();
            }
            self.meters.report(self.cx);
            let pause = backoff.next_delay().unwrap_or(PROBATION);
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            self.meters.started_again();
        }
    }

    /// Where reading starts, and what should come first.
    fn begin(&mut self) -> From {
        let cursor = self
            .progress
            .restart()
            .filter(|cursor| Place::parse(cursor).is_some());
        let (from, first) = match cursor {
            Some(cursor) if self.is_new_filter => (From::Cursor(cursor), First::Any),
            Some(cursor) => (From::Cursor(cursor.clone()), First::Known(cursor)),
            None if self.config.since_boot => (From::Boot, First::Any),
            None => (From::End, First::Before(self.cx.clock.now())),
        };
        self.gatherer.start(first);
        from
    }

    async fn live(&mut self) -> Ended {
        let from = self.begin();
        let mut source = match Source::start(self.cx.id, self.config, &self.filter, &from) {
            Ok(source) => source,
            Err(trouble) => return Ended::Troubled(trouble),
        };
        let mut lines = Lines::new(self.config.max_message_length.saturating_mul(4));
        let mut is_well = false;
        let mut next_report = Instant::now() + PROBATION;
        loop {
            let has_room = self.progress.in_flight() < IN_FLIGHT;
            let read = tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return Ended::Cancelled,
                () = self.progress.room() => None,
                () = tokio::time::sleep_until(next_report) => {
                    next_report = Instant::now() + REPORT_EVERY;
                    self.report(&source, &mut is_well);
                    None
                }
                read = source.read(lines.tail()), if has_room => Some(read),
            };
            if self.progress.has_failed() {
                return Ended::Failed;
            }
            match read {
                None => {}
                Some(Ok(0)) => return Ended::Troubled(source.end().await),
                Some(Ok(_)) => {
                    if let Some(raw) = lines.take()
                        && self.pass_on(raw).await.is_err()
                    {
                        return Ended::Cancelled;
                    }
                }
                Some(Err(error)) => {
                    return Ended::Troubled(Trouble::ended(format!(
                        "cannot read the journal: {error}"
                    )));
                }
            }
        }
    }

    /// Sends the entries of whole lines. It fails when the module is cancelled.
    async fn pass_on(&mut self, raw: Vec<u8>) -> Result<(), ()> {
        let drafts = self.gatherer.gather(raw, self.cx.clock.now());
        self.meters.count(self.gatherer.tally());
        if !drafts.is_empty() {
            self.is_new_filter = false;
        }
        if let Some(gap) = self.gatherer.take_gap() {
            self.meters.gap(self.cx, &gap);
        }
        for Draft {
            builder,
            end,
            cursor,
        } in drafts
        {
            // Letting go of a batch says that it is stored, so one that was not sent to all has to fail.
            let batch = builder.build(end, self.progress.begin(Cursor(cursor)));
            let ack = batch.ack();
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => {
                    ack.fail();
                    return Err(());
                }
                () = self.cx.bus.send_logs(batch) => {}
            }
        }
        Ok(())
    }

    fn report(&self, source: &Source, is_well: &mut bool) {
        if !*is_well {
            *is_well = true;
            self.cx.health.clear("read");
        }
        match source.complaint() {
            Some(trouble) => self
                .cx
                .health
                .raise("permission", trouble.status, trouble.message),
            None => self.cx.health.clear("permission"),
        }
        self.meters.report(self.cx);
    }
}

/// What is known of a position that was stored by an earlier run.
pub(super) fn remembered(
    cx: &Context,
    stored: Option<Position>,
    filter: &str,
) -> (Option<String>, bool) {
    let Some(position) = stored else {
        return (None, false);
    };
    if Place::parse(&position.cursor).is_none() {
        let message = format!(
            "the stored cursor `{}` is not one: reading starts anew",
            position.cursor
        );
        cx.health.raise("cursor", HealthStatus::Degraded, message);
        return (None, false);
    }
    (Some(position.cursor), position.filter != filter)
}
