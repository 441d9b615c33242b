//! The log as a whole.

mod forgery;
mod keeping;
mod outside;
mod reading;
mod store;
mod writing;

use std::sync::Arc;

use super::verify::{Fault, Summary, Trust, verify};
use super::{Audit, Record, SigningKey};
use crate::bus::Bus;
use crate::clock::{ManualClock, Timestamp};
use crate::health::HealthReporter;
use crate::metrics::Metrics;
use crate::storage::{MemoryStorage, SharedStorage, StorageError};

/// A log on some storage, with a clock that the test moves.
struct Log {
    audit: Audit,
    bus: Bus,
    storage: SharedStorage,
    clock: Arc<ManualClock>,
}

impl Log {
    async fn new() -> Self {
        Self::on(Arc::new(MemoryStorage::default())).await
    }

    async fn on(storage: SharedStorage) -> Self {
        Self::try_on(storage).await.unwrap()
    }

    async fn try_on(storage: SharedStorage) -> Result<Self, StorageError> {
        let clock = ManualClock::starting_at(Timestamp::from_millis(1_771_588_800_000));
        let (health, _) = HealthReporter::new(Arc::<ManualClock>::clone(&clock));
        let metrics = Metrics::default();
        let time = Arc::<ManualClock>::clone(&clock);
        let bus = Bus::start(Arc::clone(&storage), time, &metrics, health).await?;
        let key = SigningKey::of_tests();
        Ok(Self {
            audit: Audit::open(bus.clone(), Arc::clone(&storage), key).await?,
            bus,
            storage,
            clock,
        })
    }

    /// Appends `count` entries, one by one.
    async fn fill(&self, count: u64) {
        for number in 0..count {
            self.audit.append(record(number)).await.unwrap();
        }
    }

    async fn export(&self) -> String {
        let mut text = String::new();
        let sink = |line: &str| -> Result<(), StorageError> {
            text.push_str(line);
            Ok(())
        };
        self.audit.export(sink).await.unwrap();
        text
    }

    async fn prove(&self) -> Result<Summary, Fault> {
        prove(&self.export().await)
    }
}

fn record(number: u64) -> Record {
    Record::new("incident.resolved", format!("person-{}", number % 7))
        .target(format!("incident-{number}"))
        .detail("number", number)
        .detail("reason", "schön „gelöst“ \u{1f600} \\ \" \n")
}

fn prove(export: &str) -> Result<Summary, Fault> {
    verify(export.as_bytes(), ours())
}

fn ours() -> Trust {
    Trust {
        key: Some(*SigningKey::of_tests().public_key()),
        checkpoint: None,
    }
}
