//! By what credentials are listed, and swept when they are over. Each list is one, of everything, by time.

use crate::clock::Timestamp;
use crate::storage::{Cursor, IndexEntry, IndexSpec, Query};

use super::SWEPT;

/// Newest first, for people who look.
pub(super) const RECENT: IndexSpec = IndexSpec {
    name: "recent",
    prefix: 0,
};

/// By when it ends.
pub(super) const EXPIRY: IndexSpec = IndexSpec {
    name: "expiry",
    prefix: 0,
};

/// The place of something in one of these lists.
pub(super) fn at(moment: Timestamp) -> Option<IndexEntry> {
    Some(IndexEntry {
        prefix: Vec::new(),
        sort: moment.as_millis(),
    })
}

/// One page, newest first.
pub(super) fn recent(after: Option<Cursor>, limit: usize) -> Query {
    Query::by_index(RECENT.name, vec![Vec::new()], limit)
        .descending()
        .after(after)
}

/// Some of those that were over at `until`.
pub(super) fn expired(until: Timestamp) -> Query {
    Query {
        until: Some(until.as_millis()),
        ..Query::by_index(EXPIRY.name, vec![Vec::new()], SWEPT)
    }
}
