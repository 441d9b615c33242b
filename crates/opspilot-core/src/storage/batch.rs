//! Atomic writes.

use std::sync::Arc;

/// A list of writes that are applied together or not at all, in order.
#[derive(Debug, Clone, Default)]
pub struct WriteBatch {
    writes: Vec<Write>,
}

/// One write of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Inserts or replaces a document.
    Put {
        /// The collection, with its namespace.
        collection: String,
        /// The document's key.
        key: String,
        /// The document as JSON text, shared with whoever wrote it.
        json: Arc<str>,
        /// One entry for each declared index; `None` leaves the document out of that index.
        index: Vec<Option<IndexEntry>>,
        /// What must hold before the write.
        expect: Expect,
    },
    /// Removes a document; removing an absent one does nothing.
    Delete {
        /// The collection, with its namespace.
        collection: String,
        /// The document's key.
        key: String,
        /// What must hold before the write.
        expect: Expect,
    },
    /// Removes every document with `from <= key < to`.
    DeleteRange {
        /// The collection, with its namespace.
        collection: String,
        /// The first key removed; empty means from the start.
        from: String,
        /// The first key kept; `None` means to the end.
        to: Option<String>,
    },
}

/// Where a document stands in one index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexEntry {
    /// The values that queries match for equality.
    pub prefix: Vec<String>,
    /// The value that orders documents with the same prefix.
    pub sort: i64,
}

/// What must be true of a document for its write, and so for the whole batch, to happen.
///
/// Every expectation of a batch is about the state before the batch, also where an earlier write of it touches the
/// same document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// Nothing.
    #[default]
    Any,
    /// There is no such document.
    Absent,
    /// The document has this version.
    Version(u64),
}

impl Write {
    /// The collection, with its namespace.
    #[must_use]
    pub fn collection(&self) -> &str {
        match self {
            Self::Put { collection, .. }
            | Self::Delete { collection, .. }
            | Self::DeleteRange { collection, .. } => collection,
        }
    }

    /// The key that must be as expected before the batch, and what is expected; `None` if the write happens anyway.
    #[must_use]
    pub fn expectation(&self) -> Option<(&str, Expect)> {
        match self {
            Self::Put {
                expect: Expect::Any,
                ..
            }
            | Self::Delete {
                expect: Expect::Any,
                ..
            }
            | Self::DeleteRange { .. } => None,
            Self::Put { key, expect, .. } | Self::Delete { key, expect, .. } => {
                Some((key, *expect))
            }
        }
    }
}

impl WriteBatch {
    /// Adds an unconditional [`Write::Put`].
    pub fn put(
        &mut self,
        collection: impl Into<String>,
        key: impl Into<String>,
        json: impl Into<Arc<str>>,
        index: Vec<Option<IndexEntry>>,
    ) {
        self.push(Write::Put {
            collection: collection.into(),
            key: key.into(),
            json: json.into(),
            index,
            expect: Expect::Any,
        });
    }

    /// Adds an unconditional [`Write::Delete`].
    pub fn delete(&mut self, collection: impl Into<String>, key: impl Into<String>) {
        self.push(Write::Delete {
            collection: collection.into(),
            key: key.into(),
            expect: Expect::Any,
        });
    }

    /// Adds a [`Write::DeleteRange`].
    pub fn delete_range(
        &mut self,
        collection: impl Into<String>,
        from: impl Into<String>,
        to: Option<String>,
    ) {
        self.push(Write::DeleteRange {
            collection: collection.into(),
            from: from.into(),
            to,
        });
    }

    /// Adds a write.
    pub fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Puts `write` in the place of the write at `index`, counted from 0; nothing happens beyond the end.
    pub(crate) fn replace(&mut self, index: usize, write: Write) {
        if let Some(slot) = self.writes.get_mut(index) {
            *slot = write;
        }
    }

    /// Adds every write of `other` after those already here.
    pub fn append(&mut self, other: Self) {
        self.writes.extend(other.writes);
    }

    /// The writes in order.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The writes in order, by value.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    /// How many writes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// True if there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}
