//! The log as lines of JSON, which prove themselves.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tokio::sync::OwnedRwLockReadGuard;

use super::key::PublicKey;
use super::note::Checkpoint;
use super::reader::Reader;
use super::row::{CheckpointLine, Head, StoredCheckpoint, key, line};
use crate::clock::Timestamp;
use crate::storage::{Cursor, Query, StorageError};

/// What the first line says of the format.
pub(super) const FORMAT: &str = "opspilot-audit";

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// How many documents are read at once.
const PAGE: usize = 1_000;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) public_key: String,
    /// The signed checkpoint that the first entry continues; none for the start of the log.
    pub(super) base: Option<String>,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many entries.
    pub entries: u64,
    /// The signature over all of them: the last line.
    pub checkpoint: Checkpoint,
}

/// An export of the whole log, piece by piece. Documents are written as they are stored, so that whoever verifies the
/// export sees what is wrong with them. Entries that are appended meanwhile are not in it, and none are removed until it
/// is dropped.
#[derive(Debug)]
pub struct Exporter {
    reader: Reader,
    now: Timestamp,
    head: Head,
    base: Option<StoredCheckpoint>,
    stage: Stage,
    rows: Option<Cursor>,
    checkpoints: Option<Cursor>,
    /// Checkpoints that were read and cover entries further on.
    waiting: VecDeque<StoredCheckpoint>,
    entries: u64,
    _steady: OwnedRwLockReadGuard<()>,
}

#[derive(Debug)]
enum Stage {
    Header,
    Entries,
    End(Box<Checkpoint>),
}

impl Reader {
    /// Begins an export. It ends with a signature made at `now`.
    ///
    /// # Errors
    /// When the storage cannot be read, or the end of the log is not genuine.
    pub async fn exporter(&self, now: Timestamp) -> Result<Exporter, StorageError> {
        let steady = std::sync::Arc::clone(&self.removal).read_owned().await;
        let head = self.head().await?;
        let first = self.first().await?.unwrap_or(1).max(1);
        let base = self.checkpoint_at(first - 1).await?;
        let start = base.as_ref().map_or(0, |base| base.size);
        Ok(Exporter {
            reader: self.clone(),
            now,
            head,
            base,
            stage: Stage::Header,
            // Keys that no entry has stand before the first; they are for the verifier to find.
            rows: (start > 0).then(|| cursor(start)),
            checkpoints: Some(cursor(start)),
            waiting: VecDeque::new(),
            entries: 0,
            _steady: steady,
        })
    }

    /// Writes the whole log to `sink`, piece by piece, each of whole lines with their ends.
    ///
    /// # Errors
    /// When the storage cannot be read, or with the first error of `sink`.
    pub async fn export<E: From<StorageError>>(
        &self,
        now: Timestamp,
        mut sink: impl FnMut(&str) -> Result<(), E> + Send,
    ) -> Result<Exported, E> {
        let mut exporter = self.exporter(now).await?;
        while let Some(piece) = exporter.next().await? {
            sink(&piece)?;
        }
        Ok(exporter.finish())
    }

    /// True if there are entries or checkpoints behind entry `end`. While a server writes, there may be.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn has_more(&self, end: u64) -> Result<bool, StorageError> {
        let behind = Query::by_key(1).after(Some(cursor(end)));
        for name in [self.rows.name(), self.checkpoints.name()] {
            let found = self.rows.storage().query(name, &behind).await?;
            if !found.documents.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The key that the log is signed with.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }
}

impl Exporter {
    /// The next piece: whole lines with their ends; `None` at the end.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn next(&mut self) -> Result<Option<String>, StorageError> {
        match self.stage {
            Stage::Header => {
                self.stage = Stage::Entries;
                self.header().map(Some)
            }
            Stage::Entries => {
                let page = self.page().await?;
                if !page.is_empty() {
                    return Ok(Some(page));
                }
                let end = self.end();
                let last = checkpoint_line(&end.note)?;
                self.stage = Stage::End(Box::new(end));
                Ok(Some(last))
            }
            Stage::End(_) => Ok(None),
        }
    }

    /// What was exported so far, with a signature that is good only for the whole.
    fn finish(self) -> Exported {
        let entries = self.entries;
        let checkpoint = match self.stage {
            Stage::End(checkpoint) => *checkpoint,
            Stage::Header | Stage::Entries => self.end(),
        };
        Exported {
            entries,
            checkpoint,
        }
    }

    fn header(&self) -> Result<String, StorageError> {
        line(&Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            public_key: self.reader.key.public_key().to_string(),
            base: self.base.as_ref().map(|base| base.note.clone()),
        })
    }

    fn end(&self) -> Checkpoint {
        let start = self.base.as_ref().map_or(0, |base| base.size);
        let mut checkpoint = Checkpoint::new(self.head.seq, self.head.hash, self.now);
        checkpoint.export = Some((start + 1, self.head.seq));
        checkpoint.signed(&self.reader.key)
    }

    /// The next entries up to the end, each with the checkpoint that covers it behind it.
    async fn page(&mut self) -> Result<String, StorageError> {
        let rows = &self.reader.rows;
        let query = Query::by_key(PAGE).after(self.rows.clone());
        let found = rows.storage().query(rows.name(), &query).await?;
        let end = key(self.head.seq);
        let mut page = String::new();
        for document in found.documents.into_iter().filter(|found| found.key <= end) {
            self.entries += 1;
            page.push_str(&document.json);
            page.push('\n');
            if let Ok(seq) = document.key.parse() {
                self.checkpoints_up_to(seq, &mut page).await?;
            }
            self.rows = Some(Cursor {
                sort: 0,
                key: document.key,
            });
        }
        Ok(page)
    }

    async fn checkpoints_up_to(&mut self, seq: u64, page: &mut String) -> Result<(), StorageError> {
        loop {
            if self.waiting.is_empty() && self.checkpoints.is_some() {
                let query = Query::by_key(PAGE).after(self.checkpoints.take());
                let (found, next) = self.reader.checkpoints.query(&query).await?;
                self.waiting.extend(found);
                self.checkpoints = next;
            }
            let Some(covered) = self.waiting.pop_front_if(|first| first.size <= seq) else {
                return Ok(());
            };
            page.push_str(&checkpoint_line(&covered.note)?);
        }
    }
}

fn cursor(seq: u64) -> Cursor {
    Cursor {
        sort: 0,
        key: key(seq),
    }
}

fn checkpoint_line(note: &str) -> Result<String, StorageError> {
    line(&CheckpointLine {
        checkpoint: note.to_owned(),
    })
}
