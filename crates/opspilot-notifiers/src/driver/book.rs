//! Notes what became of each notice, for people. A note that cannot be stored holds nothing up.

use opspilot_core::bus::DeliveryError;
use opspilot_core::deliveries::{Attempt, Deliveries, DeliveryState};
use opspilot_core::error::chain;
use tracing::warn;

use super::{Address, Notice};

/// Where the deliveries of one channel are noted.
#[derive(Debug)]
pub(super) struct Book {
    deliveries: Deliveries,
    channel: String,
    consumer: String,
}

impl Book {
    pub(super) fn new(deliveries: Deliveries, address: &Address, consumer: &str) -> Self {
        Self {
            deliveries,
            channel: address.as_str().to_owned(),
            consumer: consumer.to_owned(),
        }
    }

    /// Notes what came of an attempt to deliver `notices`: so many of the first were delivered, or the first was not.
    pub(super) async fn note(&self, notices: &[Notice], outcome: &Result<usize, DeliveryError>) {
        let attempts = match outcome {
            Ok(count) => {
                let sent = notices.iter().take(*count);
                sent.map(|notice| self.attempt(notice, DeliveryState::Sent, None))
                    .collect()
            }
            Err(failure) => {
                let state = match failure.is_transient() {
                    true => DeliveryState::Retrying,
                    false => DeliveryState::Refused,
                };
                let first = notices.first().into_iter();
                let error = chain(failure);
                first
                    .map(|notice| self.attempt(notice, state, Some(error.clone())))
                    .collect()
            }
        };
        if let Err(error) = self.deliveries.note(attempts).await {
            warn!(consumer = self.consumer, error = %chain(&error), "a delivery could not be noted");
        }
    }

    fn attempt(&self, notice: &Notice, state: DeliveryState, error: Option<String>) -> Attempt {
        Attempt {
            channel: self.channel.clone(),
            consumer: self.consumer.clone(),
            event_id: notice.id().to_string(),
            event_type: notice.kind().to_owned(),
            correlation_id: notice.correlation(),
            state,
            error,
        }
    }
}
