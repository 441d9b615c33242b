//! What is stored of a stream, so that a restart resumes it exactly.

use opspilot_core::module::Context;
use opspilot_core::storage::{
    Collection, CollectionSpec, Expect, Query, Record, StorageError, WriteBatch,
};
use serde::{Deserialize, Serialize};

use super::content::FileId;
use super::fingerprint::{Print, Tail};
use super::tailer::{News, Stored};

/// A place between two records of a stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    /// How many bytes of the content lie before it.
    pub(super) offset: u64,
    /// How many records lie before it.
    pub(super) line: u64,
    /// It lies inside a line that was cut: the next record starts behind the next line feed.
    pub(super) skipping: bool,
    /// The bytes before it.
    pub(super) tail: Tail,
}

/// The stored form of a stream. It is written before the first batch of the stream is sent, because incidents are
/// identified by stream and position: after a crash, the same lines must have the same ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    /// The version of this form.
    pub(super) format: u32,
    /// The stream's identity.
    pub(super) stream: String,
    /// The path as configured or found by a glob: the name people know the log by.
    pub(super) name: String,
    /// Where the content was found: `name` with symbolic links resolved, or a rotated file.
    pub(super) place: String,
    /// The device of the file.
    pub(super) device: u64,
    /// Its inode.
    pub(super) inode: u64,
    /// When it was last written, in nanoseconds by the file system's clock.
    pub(super) modified: i64,
    /// The first bytes of the content.
    pub(super) head: Print,
    /// Everything before this offset of the content is stored.
    pub(super) offset: u64,
    /// The bytes before `offset`.
    pub(super) tail: Print,
    /// How many records lie before `offset`.
    pub(super) line: u64,
    /// `offset` lies inside a line that was cut.
    #[serde(default)]
    pub(super) skipping: bool,
    /// Records of it may have been sent. Otherwise whatever its file holds now is new, under whatever name.
    #[serde(default = "yes")]
    pub(super) sent: bool,
    /// Nothing more is expected of the stream. The position is kept to recognise the file under another name.
    #[serde(default)]
    pub(super) finished: bool,
    /// Counts the writes of all positions, so that the oldest can be found.
    pub(super) touched: u64,
}

const fn yes() -> bool {
    true
}

impl Position {
    /// The version of the stored form that this code writes.
    pub(super) const FORMAT: u32 = 1;

    /// Which file it was read from.
    pub(super) const fn file(&self) -> FileId {
        FileId {
            device: self.device,
            inode: self.inode,
        }
    }
}

impl Record for Position {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "positions",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.stream.clone()
    }
}

/// A configured path that was looked at before. Files that match it later are new, and are read from their beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    /// The path or glob as configured.
    pub(super) pattern: String,
    /// When it was first looked at, in nanoseconds since the Unix epoch.
    pub(super) since: i64,
}

impl Record for Begun {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "begun",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.pattern.clone()
    }
}

/// Where positions are stored.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    positions: Collection<Position>,
    begun: Collection<Begun>,
}

impl Positions {
    /// Opens the collections.
    pub(super) async fn open(cx: &Context) -> Result<Self, StorageError> {
        Ok(Self {
            positions: cx.store.collection().await?,
            begun: cx.store.collection().await?,
        })
    }

    /// Everything that was stored.
    pub(super) async fn load(&self) -> Result<Stored, StorageError> {
        let mut stored = Stored::default();
        let mut after = None;
        loop {
            let (page, next) = self
                .positions
                .query(&Query::by_key(500).after(after))
                .await?;
            stored.positions.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let (page, next) = self.begun.query(&Query::by_key(500).after(after)).await?;
            stored.begun.extend(page);
            after = next;
            if after.is_none() {
                return Ok(stored);
            }
        }
    }

    /// Stores `news`, all of it or nothing.
    pub(super) async fn apply(&self, news: &News) -> Result<(), StorageError> {
        let mut batch = WriteBatch::default();
        for position in &news.positions {
            batch.push(self.positions.put(position, Expect::Any)?);
        }
        for begun in &news.begun {
            batch.push(self.begun.put(begun, Expect::Any)?);
        }
        for stream in &news.forgotten {
            batch.push(self.positions.delete(stream));
        }
        self.positions.storage().apply(batch).await
    }
}
