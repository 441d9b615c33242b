//! What a consumer does when an event cannot be delivered.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::super::PublishError;
use super::super::dead_letter::DeadLetter;
use super::super::delivery::DeliveryError;
use super::{Attempts, Consumer};
use crate::error::chain;
use crate::event::Envelope;
use crate::health::HealthStatus;
use crate::storage::StorageError;

impl Consumer {
    /// Waits before the next attempt, or gives the first event up.
    pub(super) async fn failed(
        &mut self,
        error: &DeliveryError,
        cancel: &CancellationToken,
    ) -> Result<(), StorageError> {
        let Some(first) = self.page.get(self.done).cloned() else {
            return Ok(());
        };
        let policy = self.policy;
        let attempts = self.attempts.get_or_insert_with(|| Attempts {
            backoff: policy.backoff.start(),
            started: Instant::now(),
        });
        let delay = error.next_delay(&mut attempts.backoff);
        let expired = attempts.started.elapsed() >= policy.give_up_after;
        let count = attempts.backoff.attempts().max(1);
        let Some(delay) = delay.filter(|_| !expired) else {
            self.give_up(&first, count, error).await?;
            return self.handled(1).await;
        };
        let (name, lag) = (&self.name, self.lag());
        let message = format!("{name} cannot deliver, {lag} events wait: {}", chain(error));
        self.health
            .raise(self.cause.clone(), HealthStatus::Degraded, message);
        self.save_unless_saved().await?;
        wait(delay, cancel).await;
        Ok(())
    }

    async fn give_up(
        &self,
        envelope: &Envelope,
        attempts: u32,
        error: &DeliveryError,
    ) -> Result<(), StorageError> {
        let letter = DeadLetter::new(
            &self.name,
            envelope,
            attempts,
            chain(error),
            self.bus.clock.now(),
        );
        warn!(
            consumer = self.name,
            event = envelope.kind(),
            error = letter.error,
            "delivery given up"
        );
        self.bus
            .dead_letters
            .add(&self.bus, letter)
            .await
            .or_else(stored_later)
    }
}

/// A bus that closes has no place for dead letters; the event stays before the consumer's place and comes again.
pub(super) fn stored_later(error: PublishError) -> Result<(), StorageError> {
    Err(match error {
        PublishError::Closed => StorageError::Closed,
        other => StorageError::Unavailable {
            operation: "storing a dead letter".into(),
            source: other.into(),
        },
    })
}

/// Waits, unless cancelled.
pub(super) async fn wait(delay: Duration, cancel: &CancellationToken) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = tokio::time::sleep(delay) => {}
    }
}
