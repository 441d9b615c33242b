//! The log's bytes.
//!
//! ```text
//! file   = "OPSPILOT" version:u32 checksum:u32 record*     the checksum covers what precedes it
//! record = length:u32 payload-checksum:u32 checksum:u32 payload
//! ```
//!
//! Numbers are little-endian; checksums are CRC-32 (ISO-HDLC). A payload is a JSON array of [`Entry`]. One record is one
//! group of writes, so a torn write can only be the last record. The length has a checksum of its own, so a bit that
//! flips in it is not taken for the end of the file.

use std::borrow::Cow;

use opspilot_core::storage::{Document, Expect, Tables, Write};
use serde::{Deserialize, Serialize};

const MAGIC: &[u8; 8] = b"OPSPILOT";
/// The newest format that this version reads, and the one it writes.
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 16;
const RECORD_HEADER: usize = 12;

/// One write in a payload.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Entry<'a> {
    Put {
        collection: Cow<'a, str>,
        key: Cow<'a, str>,
        json: Cow<'a, str>,
        /// The version it has; without one it has the next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    Delete {
        collection: Cow<'a, str>,
        key: Cow<'a, str>,
    },
    DeleteRange {
        collection: Cow<'a, str>,
        from: Cow<'a, str>,
        to: Option<Cow<'a, str>>,
    },
}

impl<'a> From<&'a Write> for Entry<'a> {
    fn from(write: &'a Write) -> Self {
        match write {
            Write::Put {
                collection,
                key,
                json,
                ..
            } => Self::Put {
                collection: collection.into(),
                key: key.into(),
                json: Cow::Borrowed(json),
                version: None,
            },
            Write::Delete {
                collection, key, ..
            } => Self::Delete {
                collection: collection.into(),
                key: key.into(),
            },
            Write::DeleteRange {
                collection,
                from,
                to,
            } => Self::DeleteRange {
                collection: collection.into(),
                from: from.into(),
                to: to.as_deref().map(Cow::Borrowed),
            },
        }
    }
}

impl Entry<'_> {
    /// Repeats the write.
    pub(super) fn replay(self, tables: &mut Tables) {
        let write = match self {
            Self::Put {
                collection,
                key,
                json,
                version: Some(version),
            } => {
                let document = Document {
                    key: key.into_owned(),
                    version,
                    json: json.into(),
                };
                return tables.restore(&collection, document);
            }
            Self::Put {
                collection,
                key,
                json,
                version: None,
            } => Write::Put {
                collection: collection.into_owned(),
                key: key.into_owned(),
                json: json.into(),
                index: Vec::new(),
                expect: Expect::Any,
            },
            Self::Delete { collection, key } => Write::Delete {
                collection: collection.into_owned(),
                key: key.into_owned(),
                expect: Expect::Any,
            },
            Self::DeleteRange {
                collection,
                from,
                to,
            } => Write::DeleteRange {
                collection: collection.into_owned(),
                from: from.into_owned(),
                to: to.map(Cow::into_owned),
            },
        };
        tables.replay(write);
    }
}

/// The first bytes of a log.
pub(super) fn header(version: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let (head, checksum) = header.split_at_mut(HEADER - 4);
    head[..8].copy_from_slice(MAGIC);
    head[8..].copy_from_slice(&version.to_le_bytes());
    checksum.copy_from_slice(&crc32fast::hash(head).to_le_bytes());
    header
}

/// The format version, if `bytes` starts as a log does.
pub(super) fn version(bytes: &[u8]) -> Option<u32> {
    let version = number(bytes, 8)?;
    bytes.starts_with(&header(version)).then_some(version)
}

/// A record of `entries`; `None` if it would be longer than its length can say.
pub(super) fn record<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; RECORD_HEADER];
    for (position, entry) in entries.enumerate() {
        bytes.push(if position == 0 { b'[' } else { b',' });
        serde_json::to_writer(&mut bytes, &entry).ok()?;
    }
    bytes.push(b']');
    let (head, payload) = bytes.split_at_mut(RECORD_HEADER);
    head[..4].copy_from_slice(&u32::try_from(payload.len()).ok()?.to_le_bytes());
    head[4..8].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let checksum = crc32fast::hash(&head[..8]);
    head[8..].copy_from_slice(&checksum.to_le_bytes());
    Some(bytes)
}

/// What stands at the start of `bytes`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Record {
        payload: &'a [u8],
        rest: &'a [u8],
    },
    End,
    /// No record, and none behind it: what a write leaves that was cut short.
    Torn,
    /// No record, but one behind it: not what was written.
    Damaged,
}

/// Reads the next record.
pub(super) fn next(bytes: &[u8]) -> Found<'_> {
    if bytes.is_empty() {
        return Found::End;
    }
    if let Some((payload, rest)) = whole(bytes) {
        return Found::Record { payload, rest };
    }
    let is_followed = (1..bytes.len()).any(|offset| bytes.get(offset..).and_then(whole).is_some());
    if is_followed {
        Found::Damaged
    } else {
        Found::Torn
    }
}

fn whole(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(RECORD_HEADER)?;
    let [length, payload_checksum, checksum] =
        [number(head, 0)?, number(head, 4)?, number(head, 8)?];
    if crc32fast::hash(head.get(..8)?) != checksum {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    (crc32fast::hash(payload) == payload_checksum).then_some((payload, rest))
}

fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}
