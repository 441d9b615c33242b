//! The log as lines of JSON, which prove themselves.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::key::PublicKey;
use super::note::Checkpoint;
use super::reader::Reader;
use super::row::{CheckpointLine, StoredCheckpoint, key, line};
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

impl Reader {
    /// Writes the whole log to `sink`, line by line, each with its line end. Documents are written as they are stored,
    /// so that whoever verifies the export sees what is wrong with them. Nothing is removed from the log meanwhile.
    ///
    /// # Errors
    /// When the storage cannot be read, or with the first error of `sink`.
    pub async fn export<E: From<StorageError>>(
        &self,
        now: Timestamp,
        mut sink: impl FnMut(&str) -> Result<(), E> + Send,
    ) -> Result<Exported, E> {
        let _steady = self.removal.read().await;
        let head = self.head().await?;
        let first = self.first().await?.unwrap_or(1).max(1);
        let base = self.checkpoint_at(first - 1).await?;
        let start = base.as_ref().map_or(0, |base| base.size);
        sink(&line(&Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            public_key: self.key.public_key().to_string(),
            base: base.map(|base| base.note),
        })?)?;
        let mut pages = Pages::new(self, start);
        let mut entries = 0;
        while let Some(page) = pages.next(head.seq).await? {
            entries += page.entries;
            page.lines.iter().try_for_each(|line| sink(line))?;
        }
        let mut checkpoint = Checkpoint::new(head.seq, head.hash, now);
        checkpoint.export = Some((start + 1, head.seq));
        let checkpoint = checkpoint.signed(&self.key);
        sink(&checkpoint_line(&checkpoint.note)?)?;
        Ok(Exported {
            entries,
            checkpoint,
        })
    }

    /// True if there are entries or checkpoints behind the end of the log. While a server writes, there may be.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn has_more(&self, end: u64) -> Result<bool, StorageError> {
        let behind = Some(cursor(end));
        for name in [self.rows.name(), self.checkpoints.name()] {
            let query = Query::by_key(1).after(behind.clone());
            if !self
                .rows
                .storage()
                .query(name, &query)
                .await?
                .documents
                .is_empty()
            {
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

/// Entries in order, each with the checkpoint that covers it behind it.
struct Pages<'r> {
    reader: &'r Reader,
    entries: Option<Cursor>,
    checkpoints: Option<Cursor>,
    waiting: VecDeque<StoredCheckpoint>,
}

struct ExportPage {
    entries: u64,
    lines: Vec<String>,
}

impl<'r> Pages<'r> {
    /// The pages behind entry `start`.
    fn new(reader: &'r Reader, start: u64) -> Self {
        // Behind nothing lie also keys that no entry has; they are for the verifier to find.
        let entries = (start > 0).then(|| cursor(start));
        Self {
            reader,
            entries,
            checkpoints: Some(cursor(start)),
            waiting: VecDeque::new(),
        }
    }

    /// The next page up to entry `end`.
    async fn next(&mut self, end: u64) -> Result<Option<ExportPage>, StorageError> {
        let rows = &self.reader.rows;
        let query = Query::by_key(PAGE).after(self.entries.clone());
        let found = rows.storage().query(rows.name(), &query).await?;
        let mut page = ExportPage {
            entries: 0,
            lines: Vec::with_capacity(PAGE),
        };
        for document in found
            .documents
            .into_iter()
            .filter(|found| found.key <= key(end))
        {
            self.entries = Some(Cursor {
                sort: 0,
                key: document.key.clone(),
            });
            page.entries += 1;
            page.lines.push(document.json + "\n");
            if let Ok(seq) = document.key.parse() {
                self.checkpoints_up_to(seq, &mut page.lines).await?;
            }
        }
        Ok(Some(page).filter(|page| page.entries > 0))
    }

    async fn checkpoints_up_to(
        &mut self,
        seq: u64,
        lines: &mut Vec<String>,
    ) -> Result<(), StorageError> {
        loop {
            if self.waiting.is_empty() && self.checkpoints.is_some() {
                let query = Query::by_key(PAGE).after(self.checkpoints.take());
                let (found, next) = self.reader.checkpoints.query(&query).await?;
                self.waiting.extend(found);
                self.checkpoints = next;
            }
            match self.waiting.front() {
                Some(first) if first.size <= seq => {
                    lines.push(checkpoint_line(&first.note)?);
                    self.waiting.pop_front();
                }
                _ => return Ok(()),
            }
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
