//! Sends events, and waits until all that they led to is stored.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::signal::PositionTracker;
use tokio::sync::Notify;

use super::super::cloud::Event;
use super::{Ended, Poller, RETRY};

/// How long what is under way may take when the module stops.
const LAST_PAGE: Duration = Duration::from_secs(2);

impl Poller<'_> {
    /// Sends events under their numbers, until all that they led to is stored.
    pub(super) async fn send(&mut self, numbered: &[(u64, Event)]) -> Result<(), Ended> {
        let changed = Arc::<Notify>::default();
        loop {
            let tracker = PositionTracker::new(0, Arc::clone(&changed));
            let drafts = self.outlet.drafts(numbered, self.cx.clock.now());
            for draft in drafts {
                let batch = draft.builder.build(draft.end, tracker.begin(draft.end));
                // Letting go of a batch says that it is stored, so one that was not sent to all has to fail.
                let ack = batch.ack();
                tokio::select! {
                    biased;
                    () = self.cx.cancel.cancelled() => {
                        ack.fail();
                        return Err(Ended::Cancelled);
                    }
                    () = self.cx.bus.send_logs(batch) => {}
                }
            }
            if self.settled(&tracker, &changed).await? {
                self.meters.events.inc_by(numbered.len() as u64);
                return Ok(());
            }
            // Something derived was not stored: it is sent again under the same numbers.
            self.pause(RETRY).await?;
        }
    }

    /// Waits until all is stored, or says that something was not.
    async fn settled(&self, tracker: &PositionTracker, changed: &Notify) -> Result<bool, Ended> {
        let settle = async {
            while tracker.in_flight() > 0 && !tracker.has_failed() {
                changed.notified().await;
            }
            !tracker.has_failed()
        };
        tokio::pin!(settle);
        tokio::select! {
            biased;
            is_stored = &mut settle => return Ok(is_stored),
            () = self.cx.cancel.cancelled() => {}
        }
        match tokio::time::timeout(LAST_PAGE, settle).await {
            Ok(true) => Ok(true),
            _ => Err(Ended::Cancelled),
        }
    }
}
