//! Recognises content: by a hash of its first bytes, and by the bytes before a position.

use std::fmt;

use ring::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How many of the first bytes identify a file.
pub(super) const HEAD: usize = 1024;

/// How many bytes before a position show that the file is still the one that was read.
pub(super) const TAIL: usize = 64;

/// With fewer bytes than this, two files may start alike by chance: a banner, a header line.
const TELLING: usize = 64;

/// The length of some bytes and their hash: SHA-256, cut to 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Print {
    /// How many bytes were hashed.
    pub(super) length: u32,
    hash: Hash,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Hash([u8; 16]);

impl Print {
    /// The print of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, bytes);
        let mut hash = [0; 16];
        hash.copy_from_slice(digest.as_ref().split_at(16).0);
        Self {
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            hash: Hash(hash),
        }
    }

    /// The hash as hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        self.hash.to_string()
    }

    /// How many bytes were hashed.
    pub(super) const fn len(&self) -> usize {
        self.length as usize
    }

    /// True if it was made of enough bytes to tell files apart.
    pub(super) const fn is_telling(&self) -> bool {
        self.len() >= TELLING
    }

    /// True if `bytes` starts with the bytes this was made of.
    pub(super) fn starts(&self, bytes: &[u8]) -> bool {
        bytes
            .get(..self.len())
            .is_some_and(|start| Self::of(start) == *self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let number = u128::from_str_radix(&text, 16).map_err(de::Error::custom)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// The bytes before a position, up to [`TAIL`] of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    bytes: [u8; TAIL],
    length: usize,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            bytes: [0; TAIL],
            length: 0,
        }
    }
}

impl Tail {
    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.length).0
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// The bytes before the position behind `more`.
    #[must_use]
    pub(super) fn then(mut self, more: &[u8]) -> Self {
        if more.len() >= TAIL {
            self.bytes
                .copy_from_slice(more.split_at(more.len() - TAIL).1);
            self.length = TAIL;
            return self;
        }
        let kept = self.length.min(TAIL - more.len());
        self.bytes.copy_within(self.length - kept..self.length, 0);
        for (place, byte) in self.bytes.iter_mut().skip(kept).zip(more) {
            *place = *byte;
        }
        self.length = kept + more.len();
        self
    }

    /// The print of the bytes.
    pub(super) fn print(&self) -> Print {
        Print::of(self.as_bytes())
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tail")
            .field(&String::from_utf8_lossy(self.as_bytes()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn print_survives_its_stored_form() {
        let print = Print::of(b"first bytes");
        let json = serde_json::to_string(&print).unwrap();
        assert_eq!(serde_json::from_str::<Print>(&json).unwrap(), print);
    }

    #[test]
    fn print_recognises_a_file_that_grew_and_no_other() {
        let print = Print::of(b"first");
        assert!(print.starts(b"first bytes"));
        assert!(!print.starts(b"firsd bytes"));
        assert!(!print.starts(b"firs"));
    }

    proptest! {
        #[test]
        fn tail_is_the_end_of_everything_before(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..6)
        ) {
            let tail = parts.iter().fold(Tail::default(), |tail, part| tail.then(part));
            let all = parts.concat();
            let expected = all.get(all.len().saturating_sub(TAIL)..).unwrap();
            prop_assert_eq!(tail.as_bytes(), expected);
        }
    }
}
