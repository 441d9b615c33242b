//! What the window leaves in the storage, so that a restart forgets nothing.

use std::collections::VecDeque;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::IncidentId;
use opspilot_core::storage::{Collection, CollectionSpec, Query, Record, StorageError};
use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::window::{Sighting, Window};

/// How many rows are read at once.
const PAGE: usize = 1_000;

/// One fingerprint as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    fingerprint: String,
    original: IncidentId,
    occurrences: u64,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    aliases: VecDeque<IncidentId>,
}

/// The number of the newest group of events whose rows are stored.
///
/// It tells whether the memory and the storage agree: a transaction that was given up took its number with it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) group: u64,
}

impl Mark {
    /// The key of the only mark.
    pub(super) const KEY: &str = "newest";
}

impl Record for Mark {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "marks",
        indexes: &[],
    };

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

impl Record for Row {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "fingerprints",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.fingerprint.clone()
    }
}

impl Row {
    /// The row of `sighting`.
    pub(super) fn of(fingerprint: &Fingerprint, sighting: &Sighting) -> Self {
        Self {
            fingerprint: fingerprint.to_string(),
            original: sighting.original.clone(),
            occurrences: sighting.occurrences,
            first_seen_at: sighting.first_seen_at,
            last_seen_at: sighting.last_seen_at,
            aliases: sighting.aliases.clone(),
        }
    }

    /// Fills `window`, which is empty, with every stored row.
    pub(super) async fn load(
        rows: &Collection<Self>,
        window: &mut Window,
    ) -> Result<(), StorageError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let (page, next) = rows.query(&Query::by_key(PAGE).after(after)).await?;
            all.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        all.sort_by_key(|row| row.last_seen_at);
        for row in all {
            if let Some(fingerprint) = Fingerprint::parse(&row.fingerprint) {
                let seen = (row.first_seen_at, row.last_seen_at);
                let sighting = Sighting::stored(row.original, row.occurrences, seen, row.aliases);
                window.remember(fingerprint, sighting);
            }
        }
        Ok(())
    }
}
