//! What every notifier shares: the way from the journal to a delivered notice.
//!
//! Each notifier reads the journal as a durable consumer with a place of its own, in a task of its own, so a slow one
//! delays nobody. Delivery is at least once: after a crash the events since the stored place are delivered again.
//!
//! A rate limit holds notices back without losing them: the place stays where it is, and when the limit allows, one
//! [`Summary`] tells of everything that waited.

mod address;
mod book;
mod filter;
mod notice;
mod pace;
#[cfg(test)]
mod tests;
pub(crate) mod totals;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::bus::{Consumer, DeliveryError};
use opspilot_core::clock::Clock;
use opspilot_core::deliveries::Deliveries;
use opspilot_core::error::chain;
use opspilot_core::event::Envelope;
use opspilot_core::journal::Journal;
use opspilot_core::module::{Context, HealthStatus, RunError, System};
use opspilot_core::storage::StorageError;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, error};

pub use address::Address;
pub use filter::Filter;
pub use notice::{Notice, Summary};
pub use totals::Totals;

use self::book::Book;
use self::pace::{Pace, Turn};

/// How long a delivery that is under way may go on when the module stops.
const GRACE: Duration = Duration::from_secs(3);

/// Delivers notices to one place.
#[async_trait]
pub trait Notifier: Send + Sync + 'static {
    /// Delivers one notice.
    ///
    /// # Errors
    /// Whether trying again may help is said by the error.
    async fn deliver(&self, notice: &Notice) -> Result<(), DeliveryError>;

    /// Delivers notices, which are in order and not empty, and says how many of the first were delivered. A notifier that
    /// can deliver several at once does so here.
    ///
    /// # Errors
    /// When the first could not be delivered.
    async fn deliver_page(&self, notices: &[Notice]) -> Result<usize, DeliveryError> {
        let Some(first) = notices.first() else {
            return Ok(0);
        };
        self.deliver(first).await?;
        Ok(1)
    }
}

/// A notifier with everything that is done for it.
pub struct Driver {
    notifier: Box<dyn Notifier>,
    filter: Filter,
    /// Known once there is a consumer.
    address: Option<Address>,
    pace: Pace,
    totals: Totals,
    /// Where deliveries are noted, once there is a consumer.
    book: Option<Book>,
    deliveries: Deliveries,
    system: System,
    clock: Arc<dyn Clock>,
    /// A summary that could not be delivered yet.
    owed: Option<Arc<Summary>>,
    /// Up to this place of the journal a summary told of everything.
    summarised: u64,
}

impl Driver {
    /// Drives `notifier` with the events that pass `filter`, at most `per_minute` of them in a minute; 0 is no limit.
    #[must_use]
    pub fn new(
        notifier: Box<dyn Notifier>,
        filter: Filter,
        per_minute: usize,
        totals: Totals,
        cx: &Context,
    ) -> Self {
        Self {
            notifier,
            filter,
            address: None,
            pace: Pace::new(per_minute),
            totals,
            book: None,
            deliveries: cx.deliveries.clone(),
            system: cx.system.clone(),
            clock: Arc::clone(&cx.clock),
            owed: None,
            summarised: 0,
        }
    }

    /// Delivers until the module is cancelled. `consumer` reads the journal.
    pub async fn run(mut self, mut consumer: Consumer, cx: Context) {
        let address = Address::of(&consumer);
        self.book = Some(Book::new(
            self.deliveries.clone(),
            &address,
            consumer.name(),
        ));
        self.address = Some(address);
        if let Err(failure) = self.work(&mut consumer, &cx.cancel).await {
            let failure = RunError::from(failure);
            error!(consumer = consumer.name(), error = %chain(&failure), "notifications end");
            let message = format!("{} has ended: {}", consumer.name(), chain(&failure));
            let cause = format!("end of {}", consumer.name());
            cx.health.raise(cause, HealthStatus::Degraded, message);
        }
    }

    async fn work(
        &mut self,
        consumer: &mut Consumer,
        cancel: &CancellationToken,
    ) -> Result<(), StorageError> {
        while let Some(page) = consumer.next(cancel).await? {
            let outcome = tokio::select! {
                biased;
                outcome = self.handle(page, cancel) => outcome,
                // What is under way comes again at the next start.
                () = grace(cancel) => Ok(0),
            };
            consumer.settle(outcome, cancel).await?;
        }
        Ok(())
    }

    /// Delivers as many of the first events of `page` as it can, and says how many.
    async fn handle(
        &mut self,
        page: &[Arc<Envelope>],
        cancel: &CancellationToken,
    ) -> Result<usize, DeliveryError> {
        let skipped = page.iter().take_while(|event| !self.wants(event)).count();
        if skipped > 0 {
            return Ok(skipped);
        }
        if self.owed.is_some() {
            self.summarise().await?;
            return Ok(0);
        }
        let wanted = page.iter().take_while(|event| self.wants(event)).count();
        match self.pace.turn(page.iter().take(wanted), self.clock.now()) {
            Turn::Go(count) => self.deliver(page.iter().take(count)).await,
            Turn::Wait(until) => {
                let delay = until.since(self.clock.now());
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = tokio::time::sleep(delay) => self.catch_up(page).await?,
                }
                Ok(0)
            }
        }
    }

    async fn deliver<'a>(
        &self,
        events: impl Iterator<Item = &'a Arc<Envelope>>,
    ) -> Result<usize, DeliveryError> {
        let notices: Vec<_> = events.cloned().map(Notice::Event).collect();
        let outcome = self.deliver_traced(&notices).await;
        match &outcome {
            Ok(count) => self.totals.sent(*count),
            Err(failure) => self.totals.failed(failure),
        }
        if let Some(book) = &self.book {
            book.note(&notices, &outcome).await;
        }
        outcome
    }

    /// Delivers notices; the first has a span that lasts as long, and those that went along have one that ends with it.
    async fn deliver_traced(&self, notices: &[Notice]) -> Result<usize, DeliveryError> {
        let channel = self.address.as_ref().map_or("", Address::as_str);
        let first = notices
            .first()
            .map_or_else(Span::none, |first| first.span(channel));
        let delivery = self.notifier.deliver_page(notices);
        let outcome = delivery.instrument(first.clone()).await;
        match &outcome {
            Ok(count) => notices.iter().take(*count).skip(1).for_each(|notice| {
                notice.span(channel);
            }),
            Err(_) => {
                first.record("otel.status_code", "ERROR");
            }
        }
        outcome
    }

    /// Decides what becomes of what waited for the limit: one event is delivered as it is, several are summarised.
    async fn catch_up(&mut self, page: &[Arc<Envelope>]) -> Result<(), DeliveryError> {
        let Some(first) = page.first() else {
            return Ok(());
        };
        if !self.pace.take(self.clock.now()) {
            return Ok(());
        }
        let waiting = self.waiting(first.seq).await?;
        if waiting.count() == 1 {
            self.pace.admitted(first.seq);
            return Ok(());
        }
        self.owed = Some(Arc::new(waiting));
        self.summarise().await
    }

    async fn summarise(&mut self) -> Result<(), DeliveryError> {
        let Some(summary) = self.owed.clone() else {
            return Ok(());
        };
        let notice = Notice::Summary(Arc::clone(&summary));
        let outcome = self.notifier.deliver(&notice).await.map(|()| 1);
        if let Some(book) = &self.book {
            book.note(&[notice], &outcome).await;
        }
        if let Err(failure) = outcome {
            self.totals.failed(&failure);
            if failure.is_transient() {
                return Err(failure);
            }
            // A peer that takes no summaries must not hold up what it takes.
            error!(error = %chain(&failure), held_back = summary.count(), "summary was refused");
        }
        self.owed = None;
        self.summarised = summary.last_seq();
        self.totals.held_back(summary.count());
        Ok(())
    }

    /// Everything in the journal that passes the filter, from place `first` on.
    async fn waiting(&self, first: u64) -> Result<Summary, DeliveryError> {
        let journal: &Journal = self.system.bus().journal();
        let head = journal.head();
        let mut summary = Summary::new(self.clock.now());
        let mut after = first.saturating_sub(1);
        while after < head {
            let page = journal.read(after, 1_000).await.map_err(|failure| {
                DeliveryError::transient("cannot read what waits").because(failure)
            })?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let wanted = page.iter().filter(|event| self.hears(event));
            wanted.for_each(|event| summary.add(event));
        }
        Ok(summary)
    }

    /// A dead letter that is tried again has no place in the journal.
    fn wants(&self, event: &Envelope) -> bool {
        let is_told = event.seq != 0 && event.seq <= self.summarised;
        !is_told && self.hears(event)
    }

    fn hears(&self, event: &Envelope) -> bool {
        match &self.address {
            Some(address) => address.hears(&self.filter, event),
            None => self.filter.passes(event),
        }
    }
}

/// Completes when a delivery that is under way has had its time after `cancel`.
async fn grace(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("filter", &self.filter)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
