//! How far the journal was read, as it is stored.

use opspilot_core::module::Context;
use opspilot_core::storage::{Collection, CollectionSpec, Record, StorageError};
use serde::{Deserialize, Serialize};

use crate::progress::{Keep, Mark};

/// Where reading goes on after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    /// The version of this form.
    pub(super) format: u32,
    /// Which journal it is.
    pub(super) journal: String,
    /// The cursor of the last entry that is done with.
    pub(super) cursor: String,
    /// The filter that was used: another one may not meet that entry again.
    pub(super) filter: String,
}

impl Record for Position {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "positions",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.journal.clone()
    }
}

/// The cursor of the last entry of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor(pub(super) String);

impl Mark for Cursor {
    type Place = String;

    fn place(&self) -> String {
        self.0.clone()
    }

    fn absorb(&mut self, later: Self) {
        *self = later;
    }
}

/// What was sent and what of it is done.
pub(super) type Progress = crate::progress::Progress<Cursor>;

/// Stores the position as it moves.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    pub(super) cx: &'a Context,
    pub(super) positions: Collection<Position>,
    pub(super) journal: String,
    pub(super) filter: String,
}

impl Keep<Cursor> for Keeper<'_> {
    async fn keep(&self, mark: &Cursor) -> Result<(), StorageError> {
        let position = Position {
            format: 1,
            journal: self.journal.clone(),
            cursor: mark.0.clone(),
            filter: self.filter.clone(),
        };
        self.positions.save(&position).await?;
        self.cx.health.detail("cursor", position.cursor);
        Ok(())
    }
}
