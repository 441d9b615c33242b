//! The token that an approval gives out.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

use super::action::Digest;

/// How many random bytes a token has.
const LENGTH: usize = 32;

/// 256 random bits that allow one execution of what was approved.
///
/// It exists once, in the memory of the server that gave it out; what is stored is its digest. It shows nothing of itself.
pub struct ApprovalToken([u8; LENGTH]);

/// The machine gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random bytes for an approval token")]
pub struct NoRandomness;

impl ApprovalToken {
    /// A new token.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn try_new() -> Result<Self, NoRandomness> {
        let mut bytes = [0; LENGTH];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// A token of known bytes; whoever guesses them needs 2^255 attempts on average.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// True if it is the token that `digest` was stored for. Takes the same time for every wrong one.
    #[must_use]
    pub fn is(&self, digest: &Digest) -> bool {
        let own = self.digest();
        let difference = own
            .as_bytes()
            .iter()
            .zip(digest.as_bytes())
            .fold(0, |difference, (own, other)| difference | (own ^ other));
        std::hint::black_box(difference) == 0
    }

    /// A name for it in answers and in the audit log, which tells nothing of the token: the start of its digest.
    #[must_use]
    pub fn public_id(&self) -> String {
        self.digest().to_string().chars().take(16).collect()
    }

    /// A second handle, for the transaction that checks the token.
    pub(super) const fn clone_for_gate(token: &Self) -> Self {
        Self(token.0)
    }
}

impl fmt::Debug for ApprovalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApprovalToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_any_bit_flipped_is_another() {
        let token = ApprovalToken::from_bytes([7; LENGTH]);
        let digest = token.digest();
        assert!(token.is(&digest));
        for bit in 0..LENGTH * 8 {
            let mut bytes = [7; LENGTH];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!ApprovalToken::from_bytes(bytes).is(&digest), "bit {bit}");
        }
    }

    #[test]
    fn a_token_shows_nothing_of_itself() {
        let token = ApprovalToken::try_new().unwrap();
        assert_eq!(format!("{token:?}"), "ApprovalToken");
        assert_ne!(token.digest(), ApprovalToken::try_new().unwrap().digest());
    }
}
