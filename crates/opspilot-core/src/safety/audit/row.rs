//! The documents that the log is stored as.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::chain::{START, link};
use super::key::{PublicKey, SigningKey};
use super::note::Checkpoint;
use super::record::Entry;
use crate::clock::Timestamp;
use crate::safety::action::Digest;
use crate::storage::{CollectionSpec, IndexEntry, IndexSpec, Record, StorageError};

/// The key of entry `seq`, and of the checkpoint that covers it: the order of keys is the order of numbers.
pub(super) fn key(seq: u64) -> String {
    format!("{seq:020}")
}

/// One entry with its hash, as it is stored and as it stands in an export: `{"hash":…,"prev":…,"entry":…}`.
#[derive(Debug)]
pub(super) struct Row {
    hash: Digest,
    prev: Digest,
    /// The bytes that the hash is over.
    bytes: Box<RawValue>,
    pub(super) entry: Entry,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    hash: Digest,
    prev: Digest,
    #[serde(borrow)]
    entry: &'a RawValue,
}

impl Row {
    /// The row that continues `prev`.
    pub(super) fn new(entry: Entry, prev: Digest) -> Result<Self, StorageError> {
        let bytes =
            serde_json::value::to_raw_value(&entry).map_err(|error| StorageError::Unavailable {
                operation: format!("writing audit entry {} as JSON", entry.seq),
                source: error.into(),
            })?;
        Ok(Self {
            hash: link(&prev, bytes.get().as_bytes()),
            prev,
            bytes,
            entry,
        })
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = Line {
            hash: self.hash,
            prev: self.prev,
            entry: &self.bytes,
        };
        line.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = Line::deserialize(deserializer)?;
        Ok(Self {
            hash: line.hash,
            prev: line.prev,
            bytes: line.entry.to_owned(),
            entry: serde_json::from_str(line.entry.get()).map_err(de::Error::custom)?,
        })
    }
}

impl Record for Row {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "audit",
        indexes: &[
            index("recent", 0),
            index("action", 1),
            index("actor", 1),
            index("action_actor", 2),
            index("thread", 1),
        ],
    };

    fn key(&self) -> String {
        key(self.entry.seq)
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        let sort = self.entry.at.as_millis();
        let at = |prefix: &[&str]| {
            let prefix = prefix.iter().map(|value| (*value).to_owned()).collect();
            Some(IndexEntry { prefix, sort })
        };
        let Entry { action, actor, .. } = &self.entry;
        vec![
            at(&[]),
            at(&[action]),
            at(&[actor]),
            at(&[action, actor]),
            self.entry
                .correlation_id
                .as_deref()
                .and_then(|id| at(&[id])),
        ]
    }
}

const fn index(name: &'static str, prefix: usize) -> IndexSpec {
    IndexSpec { name, prefix }
}

/// The end of the chain, with a seal that only the holder of the signing key can make. Who can write to the storage
/// alone can put an old end back, but cannot make one up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Head {
    /// The number of the newest entry.
    pub(super) seq: u64,
    /// Its hash.
    pub(super) hash: Digest,
    /// The number of the newest entry that a checkpoint covers.
    pub(super) signed: u64,
    seal: Digest,
}

impl Head {
    /// The only key.
    pub(super) const KEY: &'static str = "head";

    /// The end that was found, if it is genuine; the start of a new log if none was.
    pub(super) fn checked(found: Option<Self>, key: &SigningKey) -> Result<Self, StorageError> {
        let Some(head) = found else {
            return Ok(Self {
                seq: 0,
                hash: START,
                signed: 0,
                seal: START,
            });
        };
        if key.seals(&head.sealed(), &head.seal) {
            return Ok(head);
        }
        Err(StorageError::Corrupt {
            what: "the end of the audit log".into(),
            detail: format!(
                "it was changed, or written with another key than {}: put back the file `audit-signing.key` that \
                 belongs to this database, or restore both from one backup",
                key.public_key()
            ),
        })
    }

    pub(super) const fn unsigned(&self) -> u64 {
        self.seq - self.signed
    }

    pub(super) fn advance(&mut self, row: &Row) {
        self.seq = row.entry.seq;
        self.hash = row.hash;
    }

    pub(super) fn seal(&mut self, key: &SigningKey) {
        self.seal = key.seal(&self.sealed());
    }

    fn sealed(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        let (seq, rest) = bytes.split_at_mut(8);
        let (signed, hash) = rest.split_at_mut(8);
        seq.copy_from_slice(&self.seq.to_be_bytes());
        signed.copy_from_slice(&self.signed.to_be_bytes());
        hash.copy_from_slice(self.hash.as_bytes());
        bytes
    }
}

impl Record for Head {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "audit_head",
        indexes: &[],
    };

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

/// A signed end of the chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StoredCheckpoint {
    /// The number of the newest entry that it covers.
    pub(super) size: u64,
    /// When it was signed.
    pub(super) at: Timestamp,
    /// The signed note.
    pub(super) note: String,
}

impl StoredCheckpoint {
    pub(super) fn open(&self, key: &PublicKey) -> Result<Checkpoint, StorageError> {
        Checkpoint::open(&self.note, key).map_err(|error| StorageError::Corrupt {
            what: format!("the audit checkpoint of entry {}", self.size),
            detail: error.to_string(),
        })
    }
}

impl Record for StoredCheckpoint {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "audit_checkpoints",
        indexes: &[],
    };

    fn key(&self) -> String {
        key(self.size)
    }
}

/// A line with a checkpoint, as it stands in an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointLine {
    pub(super) checkpoint: String,
}

/// The JSON text of `line` with its line end.
pub(super) fn line(line: &impl Serialize) -> Result<String, StorageError> {
    let mut text = serde_json::to_string(line).map_err(|error| StorageError::Unavailable {
        operation: "writing a line of the audit log as JSON".into(),
        source: error.into(),
    })?;
    text.push('\n');
    Ok(text)
}
