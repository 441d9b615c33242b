//! Follows one group.

use std::time::Duration;

use opspilot_core::error::chain;
use opspilot_core::module::{Context, HealthStatus};
use opspilot_core::resilience::{Backoff, BackoffPolicy};
use opspilot_core::storage::StorageError;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::board::Board;
use super::cloud::{Cloud, Event, Found, Span};
use super::config::Config;
use super::ledger::Ledger;
use super::meters::Meters;
use super::outlet::Outlet;
use super::shelf::Shelf;
use super::trouble::{Kind, Trouble};
use super::wakes::Wakes;

mod sending;

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause after a failure, before jitter.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The pause after something could not be stored.
const RETRY: Duration = Duration::from_secs(1);

/// How far apart the first polls of groups are, so that they do not throttle one another.
const STAGGER: Duration = Duration::from_millis(100);

/// Follows one group.
pub(super) struct Poller<'a> {
    cx: &'a Context,
    cloud: &'a Cloud,
    board: &'a Board<'a>,
    shelf: &'a Shelf,
    group: &'a str,
    every: Duration,
    late: Duration,
    ledger: Ledger,
    outlet: Outlet,
    meters: Meters,
    backoff: Backoff,
    wakes: Wakes,
    /// When the service received the newest event that was seen, in milliseconds since 1970.
    newest: i64,
}

/// Why a poll ended early.
enum Ended {
    Cancelled,
    Troubled(Trouble),
}

impl<'a> Poller<'a> {
    pub(super) fn new(
        cx: &'a Context,
        config: &Config,
        cloud: &'a Cloud,
        board: &'a Board<'a>,
        shelf: &'a Shelf,
        (group, bell): (&'a str, Option<watch::Receiver<i64>>),
    ) -> Self {
        let stream = format!("cloudwatch:{}/{group}", config.region);
        let lookback = Duration::from_millis(config.lookback_ms);
        let first = cx.clock.now().minus(lookback).as_millis();
        let every = Duration::from_millis(config.poll_interval_ms);
        let outlet = Outlet::new(cx.id, &config.source, &stream, (group, &config.region));
        Self {
            cx,
            cloud,
            board,
            shelf,
            group,
            every,
            late: Duration::from_millis(config.late_ms),
            ledger: shelf.ledger(&stream, first),
            outlet,
            meters: Meters::new(cx, group),
            backoff: BackoffPolicy::endless(FIRST_PAUSE, LONGEST_PAUSE).start(),
            wakes: Wakes::new(bell, every),
            newest: 0,
        }
    }

    /// Follows until the module is cancelled. It is number `index` of the groups.
    pub(super) async fn run(mut self, index: usize) {
        let turn = u32::try_from(index).unwrap_or_default();
        let start = Instant::now() + (STAGGER * turn).min(self.every);
        let mut ticks = tokio::time::interval_at(start, self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A start before the first answer must not move where the first start reads from.
        let first = self.ledger.place().from;
        if self.keep(first, first).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return,
                _ = ticks.tick() => {}
                () = self.wakes.due() => {
                    self.meters.early.inc();
                }
            }
            let throttled = self.meters.throttled.get();
            while let Err(ended) = self.poll().await {
                let Ended::Troubled(trouble) = ended else {
                    return;
                };
                if self.suffer(&trouble).await.is_err() {
                    return;
                }
            }
            let is_throttled = self.meters.throttled.get() > throttled;
            self.wakes.polled(self.newest, is_throttled);
        }
    }

    /// Reads the group to its end.
    async fn poll(&mut self) -> Result<(), Ended> {
        let began = self.cx.clock.now();
        let complete = began.minus(self.late).as_millis();
        self.recover().await?;
        let span = Span {
            from: self.ledger.place().from,
            to: None,
        };
        let mut rest = None;
        loop {
            let Found { events, rest: next } = self.page(span, rest.as_deref()).await?;
            // Nothing says that pages come in the order of times, so the window moves only when all of them were read,
            // or when too much would have to be remembered.
            let reached = events.iter().map(|event| event.time).max();
            let numbered = self.ledger.assign(events);
            if !numbered.is_empty() {
                self.tell(numbered).await?;
                self.keep(span.from, reached.unwrap_or(span.from)).await?;
            }
            rest = next;
            if rest.is_none() {
                break;
            }
        }
        self.keep(complete, began.as_millis()).await?;
        self.board.fine(self.group, &self.meters);
        Ok(())
    }

    /// Sends again what was numbered before a crash and perhaps not stored.
    async fn recover(&mut self) -> Result<(), Ended> {
        let Some((page, (from, to))) = self.ledger.pending().map(|page| (page, page.times()))
        else {
            return Ok(());
        };
        let wanted = page.events.len();
        let to = Some(to.saturating_add(1));
        let mut numbered: Vec<(u64, Event)> = Vec::new();
        let mut rest = None;
        loop {
            let found = self.page(Span { from, to }, rest.as_deref()).await?;
            numbered.extend(self.ledger.find(found.events));
            rest = found.rest;
            if rest.is_none() || numbered.len() >= wanted {
                break;
            }
        }
        numbered.sort_by_key(|(number, _)| *number);
        numbered.dedup_by_key(|(number, _)| *number);
        let missing = wanted - numbered.len();
        if missing > 0 {
            self.meters.missing.inc_by(missing as u64);
            tracing::warn!(
                module = self.cx.id,
                group = self.group,
                missing,
                "events that were under way at the last stop are gone"
            );
        }
        self.send(&numbered).await?;
        self.ledger.settle();
        let from = self.ledger.place().from;
        self.keep(from, from).await
    }

    /// Stores the numbers of events, sends them, and waits until all they led to is stored.
    async fn tell(&mut self, numbered: Vec<(u64, Event)>) -> Result<(), Ended> {
        while let Err(error) = self.shelf.begin(&self.ledger).await {
            self.unstored(&error).await?;
        }
        self.send(&numbered).await?;
        self.ledger.settle();
        Ok(())
    }

    /// Stores how far the group is.
    async fn keep(&mut self, complete: i64, reached: i64) -> Result<(), Ended> {
        let forgotten = self.ledger.advance(complete, reached);
        while let Err(error) = self.shelf.save(self.ledger.place(), &forgotten).await {
            self.unstored(&error).await?;
        }
        self.cx.health.clear("store");
        Ok(())
    }

    /// A page; asks for it until it comes, unless asking again is of no use.
    async fn page(&mut self, span: Span, rest: Option<&str>) -> Result<Found, Ended> {
        loop {
            self.meters.requests.inc();
            let asked = tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return Err(Ended::Cancelled),
                asked = self.cloud.page(self.group, span, rest) => asked,
            };
            match asked {
                Ok(found) => {
                    self.backoff.reset();
                    let newest = found.events.iter().filter_map(|event| event.ingested).max();
                    self.newest = self.newest.max(newest.unwrap_or_default());
                    return Ok(found);
                }
                Err(trouble) if matches!(trouble.kind, Kind::Throttled | Kind::Disturbed) => {
                    self.suffer(&trouble).await?;
                }
                Err(trouble) => return Err(Ended::Troubled(trouble)),
            }
        }
    }

    /// Says what is wrong, and waits.
    async fn suffer(&mut self, trouble: &Trouble) -> Result<(), Ended> {
        let delay = self.backoff.next_delay().unwrap_or(LONGEST_PAUSE);
        let delay = delay.max(trouble.pause.unwrap_or_default());
        // What a person has to change is asked for no more often than usual.
        let delay = match trouble.kind {
            Kind::Refused | Kind::Missing => delay.max(self.every),
            _ => delay,
        };
        let message = format!(
            "{}; next attempt in {} ms",
            trouble.message,
            delay.as_millis()
        );
        if trouble.kind == Kind::Throttled {
            self.meters.throttled.inc();
            self.board.slowed(self.group, &self.meters, message);
        } else {
            self.meters.errors.inc();
            self.board.failed(self.group, &self.meters, message);
        }
        self.pause(delay).await
    }

    async fn unstored(&self, error: &StorageError) -> Result<(), Ended> {
        let message = format!("cannot store the position: {}", chain(error));
        self.cx
            .health
            .raise("store", HealthStatus::Degraded, message);
        self.pause(RETRY).await
    }

    async fn pause(&self, length: Duration) -> Result<(), Ended> {
        tokio::select! {
            biased;
            () = self.cx.cancel.cancelled() => Err(Ended::Cancelled),
            () = tokio::time::sleep(length) => Ok(()),
        }
    }
}
