//! How a delivery fails, and how long it is tried.

use std::time::Duration;

use crate::resilience::{Backoff, BackoffPolicy};

/// Why a consumer could not handle an event.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DeliveryError {
    message: String,
    retry: RetryAfter,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RetryAfter {
    Never,
    Backoff,
    AtLeast(Duration),
}

impl DeliveryError {
    /// A failure that trying again cannot mend: the event goes to the dead letters at once.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: RetryAfter::Never,
            source: None,
        }
    }

    /// A failure that may pass.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            retry: RetryAfter::Backoff,
            source: None,
        }
    }

    /// Waits at least this long before the next attempt, because the peer asked for it.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.retry = RetryAfter::AtLeast(delay);
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How long to wait before the next attempt; `None` when there should be none.
    pub(super) fn next_delay(&self, backoff: &mut Backoff) -> Option<Duration> {
        match self.retry {
            RetryAfter::Never => None,
            RetryAfter::Backoff => backoff.next_delay(),
            RetryAfter::AtLeast(least) => backoff.next_delay().map(|delay| delay.max(least)),
        }
    }

    /// How long the peer asked to wait before the next attempt, if it did.
    #[must_use]
    pub const fn least_delay(&self) -> Option<Duration> {
        match self.retry {
            RetryAfter::AtLeast(least) => Some(least),
            RetryAfter::Never | RetryAfter::Backoff => None,
        }
    }

    /// True if trying again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.retry != RetryAfter::Never
    }
}

/// How long a consumer tries before it gives an event up.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryPolicy {
    /// The spacing of attempts.
    pub backoff: BackoffPolicy,
    /// After this long the event goes to the dead letters.
    pub give_up_after: Duration,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        let backoff = BackoffPolicy::endless(Duration::from_millis(500), Duration::from_mins(1));
        Self {
            backoff,
            give_up_after: Duration::from_hours(24),
        }
    }
}
