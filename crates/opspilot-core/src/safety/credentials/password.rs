//! Passwords: Argon2id (RFC 9106), stored as a PHC string.
//!
//! A hash takes 19 MiB and some ten milliseconds of a processor on purpose. So few are computed at once, off the threads
//! that serve everybody else, and whoever comes when too many wait already is told to come again.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::CredentialError;
use crate::config::Secret;

/// The fewest characters of a password (NIST SP 800-63B-4, section 3.1.1.2, has 8 beside a second factor and 15 alone; a
/// log-in here is limited to a few guesses a minute).
pub const PASSWORD_SHORTEST: usize = 12;

/// The most bytes of a password.
pub const PASSWORD_BYTES: usize = 1_024;

/// How many hashes are computed at once. Each takes [`Params::DEFAULT_M_COST`] KiB.
const AT_ONCE: usize = 2;

/// How many may wait for their turn or be computed.
const ADMITTED: usize = 32;

/// The most that a stored hash may ask for: somebody who can write the storage shall not stop the server with it.
const MOST_KIB: u32 = 64 * 1_024;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 4;

/// A password that may become somebody's.
#[derive(Debug, Clone)]
pub struct Password(Secret);

/// Why a password may not become somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// It can be guessed.
    #[error("a password has at least {PASSWORD_SHORTEST} characters")]
    Short,
    /// Hashing it would take too long.
    #[error("a password has at most {PASSWORD_BYTES} bytes")]
    Long,
    /// It can be guessed.
    #[error("a password of so few different characters can be guessed")]
    Plain,
    /// It cannot be typed everywhere.
    #[error("a password has no control characters")]
    Control,
}

impl Password {
    /// Takes `text` for a password to set.
    ///
    /// # Errors
    /// When it could be guessed, or is no text that can be typed.
    pub fn parse(text: Secret) -> Result<Self, PasswordError> {
        let typed = text.expose();
        if typed.len() > PASSWORD_BYTES {
            return Err(PasswordError::Long);
        }
        if typed.contains(char::is_control) {
            return Err(PasswordError::Control);
        }
        if typed.chars().count() < PASSWORD_SHORTEST {
            return Err(PasswordError::Short);
        }
        let different: std::collections::BTreeSet<char> = typed.chars().collect();
        if different.len() < 4 {
            return Err(PasswordError::Plain);
        }
        Ok(Self(text))
    }
}

/// What is stored of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Hashed(String);

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Computes hashes, few at once.
#[derive(Debug, Clone)]
pub(super) struct Hashing {
    turns: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            admitted: Arc::new(Semaphore::new(ADMITTED)),
        }
    }
}

impl Hashing {
    /// The hash of `password` with a salt of its own.
    ///
    /// # Errors
    /// [`CredentialError::Busy`], or when the system gives no random numbers.
    pub(super) async fn hash(&self, password: Password) -> Result<Hashed, CredentialError> {
        let mut salt = [0; 16];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| CredentialError::NoEntropy)?;
        let Password(text) = password;
        let hash = self.compute(move || make(text.expose(), &salt)).await?;
        hash.ok_or(CredentialError::Unhashed)
    }

    /// Says whether `text` is the password that `kept` was made of. Without one the same is computed for nothing, so that
    /// the time tells nobody who is a user.
    ///
    /// # Errors
    /// [`CredentialError::Busy`]
    pub(super) async fn fits(
        &self,
        text: Secret,
        kept: Option<Hashed>,
    ) -> Result<bool, CredentialError> {
        let check = move || match kept {
            Some(kept) => verify(text.expose(), &kept),
            None => make(text.expose(), &[0; 16]).is_some_and(|_| false),
        };
        self.compute(check).await
    }

    /// # Cancel safety
    /// What has begun goes on, and keeps its place until it is done.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CredentialError> {
        let place = Arc::clone(&self.admitted).try_acquire_owned();
        let place = place.map_err(|_| CredentialError::Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| CredentialError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        done.await.map_err(|_| CredentialError::Unhashed)
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn make(text: &str, salt: &[u8]) -> Option<Hashed> {
    let hash = argon2().hash_password_with_salt(text.as_bytes(), salt);
    hash.ok().map(|hash| Hashed(hash.to_string()))
}

fn verify(text: &str, kept: &Hashed) -> bool {
    let Some(hash) = PasswordHash::new(&kept.0).ok().filter(is_bearable) else {
        return make(text, &[0; 16]).is_some_and(|_| false);
    };
    argon2().verify_password(text.as_bytes(), &hash).is_ok()
}

fn is_bearable(hash: &PasswordHash) -> bool {
    let is_ours = Algorithm::try_from(hash.algorithm.as_str()) == Ok(Algorithm::Argon2id);
    is_ours
        && Params::try_from(hash).is_ok_and(|params| {
            params.m_cost() <= MOST_KIB
                && params.t_cost() <= MOST_PASSES
                && params.p_cost() <= MOST_LANES
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn passwords_that_can_be_guessed_or_not_be_typed_are_refused() {
        let long = "ab1!".repeat(300);
        let rows = [
            ("correct horse battery", None),
            ("zwölf Zeichen", None),
            ("elevenchars", Some(PasswordError::Short)),
            ("", Some(PasswordError::Short)),
            ("aaaaaaaaaaaaaaaa", Some(PasswordError::Plain)),
            ("abcabcabcabcabc", Some(PasswordError::Plain)),
            ("correct\nhorse battery", Some(PasswordError::Control)),
            (&long, Some(PasswordError::Long)),
        ];
        for (text, expected) in rows {
            assert_eq!(Password::parse(secret(text)).err(), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_a_salt_of_its_own_and_fits_its_password_alone() {
        let hashing = Hashing::default();
        let hash = async || {
            let password = Password::parse(secret("correct horse battery")).unwrap();
            hashing.hash(password).await.unwrap()
        };
        let (one, two) = (hash().await, hash().await);
        assert_ne!(one, two);
        assert!(
            one.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            one.0
        );
        let fits = async |text: &str, kept| hashing.fits(secret(text), kept).await.unwrap();
        assert!(fits("correct horse battery", Some(one.clone())).await);
        assert!(!fits("correct horse batterx", Some(one.clone())).await);
        assert!(!fits("", Some(one)).await);
        assert!(!fits("correct horse battery", None).await);
        assert_eq!(format!("{two:?}"), "[redacted]");
    }

    /// Hashes that anybody who can write the storage might leave there.
    #[test]
    fn hashes_that_cost_too_much_or_are_of_another_kind_fit_nothing() {
        let fits = make("correct horse battery", b"0123456789abcdef").unwrap();
        assert!(verify("correct horse battery", &fits));
        let changes = [
            ("m=19456", "m=4194304"),
            ("t=2", "t=4000000000"),
            ("p=1", "p=200"),
            ("argon2id", "argon2d"),
            ("argon2id", "scrypt"),
            ("$", ""),
        ];
        for (old, new) in changes {
            let changed = Hashed(fits.0.replace(old, new));
            assert!(!verify("correct horse battery", &changed), "{new}");
        }
    }

    #[tokio::test]
    async fn whoever_is_no_user_waits_for_a_hash_as_well() {
        let hashing = Hashing::default();
        let turns = Arc::clone(&hashing.turns).acquire_many_owned(2).await;
        let mut unknown = Box::pin(hashing.fits(secret("correct horse battery"), None));
        assert!(futures_util::poll!(unknown.as_mut()).is_pending());
        drop(turns);
        assert!(!unknown.await.unwrap());
    }

    #[tokio::test]
    async fn whoever_comes_when_too_many_wait_is_told_so_at_once() {
        let hashing = Hashing::default();
        let all = Arc::clone(&hashing.turns).acquire_many_owned(2).await;
        let waiting: Vec<_> = (0..ADMITTED)
            .map(|_| Box::pin(hashing.compute(|| ())))
            .collect();
        let mut waiting = waiting;
        for one in &mut waiting {
            assert!(futures_util::poll!(one.as_mut()).is_pending());
        }
        let refused = hashing.compute(|| ()).await;
        assert!(matches!(refused, Err(CredentialError::Busy)));
        drop(all);
        for one in waiting {
            one.await.unwrap();
        }
        assert!(hashing.compute(|| ()).await.is_ok());
    }
}
