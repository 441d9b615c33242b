//! The link between one entry and the next.

use ring::digest::{Context, SHA256};

use crate::safety::action::Digest;

/// What stands before the bytes of an entry, so that its hash is never the hash of anything else.
const ENTRY: u8 = 0x01;

/// What the first entry continues.
pub(super) const START: Digest = Digest::from_bytes([0; 32]);

/// The hash of an entry: SHA-256 of 0x01, the hash of the entry before it, and its own bytes.
pub(super) fn link(previous: &Digest, entry: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(&[ENTRY]);
    context.update(previous.as_bytes());
    context.update(entry);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Digest::from_bytes(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python: `hashlib.sha256(b"\x01" + bytes(32) + b"{}").hexdigest()`.
    #[test]
    fn the_hash_is_the_documented_one() {
        let known = "57a65f4aed3019001e586fed2e4f1fbdb54bc79da77b858dc2ba368c94f603ae";
        assert_eq!(link(&START, b"{}").to_string(), known);
    }
}
