//! One line with an entry. Its layout is fixed to the byte, so that no parser stands between the bytes and their hash.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::safety::action::Digest;
use crate::safety::audit::chain::link;

/// An entry that was looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) seq: u64,
    pub(super) line: u64,
    pub(super) hash: Digest,
}

/// `{"hash":"<64 digits>","prev":"<64 digits>","entry":<JSON>}`
pub(super) struct Line<'a> {
    pub(super) hash: Digest,
    pub(super) prev: Digest,
    entry: &'a [u8],
}

/// What the chain needs to know of an entry.
#[derive(Deserialize)]
pub(super) struct Facts<'a> {
    pub(super) seq: u64,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow, default)]
    details: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Pruned {
    last: u64,
}

impl<'a> Line<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, String> {
        let parts = || {
            let (hash, rest) = text.strip_prefix(b"{\"hash\":\"")?.split_at_checked(64)?;
            let (prev, rest) = rest.strip_prefix(b"\",\"prev\":\"")?.split_at_checked(64)?;
            let entry = rest.strip_prefix(b"\",\"entry\":")?.strip_suffix(b"}")?;
            Some(Self {
                hash: digest(hash)?,
                prev: digest(prev)?,
                entry,
            })
        };
        parts().ok_or_else(|| "it has not the form {\"hash\":…,\"prev\":…,\"entry\":…}".to_owned())
    }

    /// Whether the hash is the one of these bytes.
    pub(super) fn fits(&self) -> bool {
        link(&self.prev, self.entry) == self.hash
    }

    pub(super) fn facts(&self) -> Result<Facts<'a>, String> {
        serde_json::from_slice(self.entry).map_err(|error| error.to_string())
    }
}

impl Facts<'_> {
    /// The last entry that this one says was removed.
    pub(super) fn pruned(&self) -> Option<u64> {
        if self.action != "audit.pruned" {
            return None;
        }
        let pruned: Pruned = serde_json::from_str(self.details?.get()).ok()?;
        Some(pruned.last)
    }
}

fn digest(text: &[u8]) -> Option<Digest> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
