//! The stored state of a detector.

use std::collections::BTreeMap;

use opspilot_core::module::Context;
use opspilot_core::storage::{Collection, CollectionSpec, Record, StorageError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const KEY: &str = "state";

/// The version of the stored form.
const FORMAT: u32 = 1;

/// What a detector knew at some moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Snapshot {
    format: u32,
    /// The detector's own state.
    pub(super) detector: Value,
    /// How far of each stream is in it.
    pub(super) streams: BTreeMap<String, u64>,
}

/// Where snapshots are stored.
pub(super) type Snapshots = Collection<Snapshot>;

impl Record for Snapshot {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "snapshots",
        indexes: &[],
    };

    fn key(&self) -> String {
        KEY.into()
    }
}

impl Snapshot {
    pub(super) fn new(detector: Value, streams: BTreeMap<String, u64>) -> Self {
        Self {
            format: FORMAT,
            detector,
            streams,
        }
    }
}

/// Opens the place of the snapshots, and reads the stored one. One that cannot be understood is left behind: the
/// detector then starts afresh.
pub(super) async fn open(cx: &Context) -> Result<(Snapshots, Option<Snapshot>), StorageError> {
    let snapshots: Snapshots = cx.store.collection().await?;
    let stored = match snapshots.get(KEY).await {
        Ok(stored) => stored
            .map(|(snapshot, _)| snapshot)
            .filter(|snapshot| snapshot.format == FORMAT),
        Err(error @ StorageError::Corrupt { .. }) => {
            tracing::warn!(module = cx.id, error = %error, "the stored state is left behind");
            None
        }
        Err(error) => return Err(error),
    };
    Ok((snapshots, stored))
}
