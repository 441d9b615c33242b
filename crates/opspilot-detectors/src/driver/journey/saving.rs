//! When a detector's state is stored: never before what it tells of.

use opspilot_core::error::chain;
use opspilot_core::module::{Context, HealthStatus};
use tokio::time::Instant;

use super::Journey;
use crate::detector::Detector;
use crate::driver::snapshot::Snapshot;

impl<D: Detector + 'static> Journey<D> {
    pub(super) fn take_snapshot(&mut self) {
        if let (Some(detector), Some(_)) = (&self.detector, self.unsaved) {
            let snapshot = Snapshot::new(detector.snapshot(), self.streams.known());
            self.pending = Some((snapshot, self.settling.submitted()));
            self.unsaved = None;
        }
    }

    /// Stores the snapshot if everything that it tells of is stored.
    pub(super) async fn store_snapshot(&mut self, cx: &Context) {
        if self.settling.take_failure() {
            // The lines are read again, and the next snapshot tells of them.
            self.pending = None;
            self.unsaved.get_or_insert_with(Instant::now);
        }
        let Some((snapshot, _)) = self
            .pending
            .take_if(|(_, newest)| self.settling.is_stored(*newest))
        else {
            return;
        };
        match self.snapshots.save(&snapshot).await {
            Ok(()) => cx.health.clear("snapshot"),
            Err(error) => {
                let message = format!("cannot store the detector's state: {}", chain(&error));
                cx.health.raise("snapshot", HealthStatus::Degraded, message);
                self.unsaved.get_or_insert_with(Instant::now);
            }
        }
    }
}
