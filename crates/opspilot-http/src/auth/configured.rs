//! The API keys that stand in the configuration.

use opspilot_core::config::{ApiKey, Kind, Role};
use opspilot_core::module::RunError;
use opspilot_core::safety::credentials::Source;
use opspilot_core::safety::identity::{Identity, Method};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use tracing::warn;

/// Below this, a key can be guessed.
const SHORT: usize = 20;

/// The keys of the configuration, hashed.
#[derive(Debug)]
pub(super) struct ConfiguredKeys {
    keys: Vec<Configured>,
    /// Tells sessions of this process from those of another, whose keys may have been others.
    print: String,
}

struct Configured {
    hash: [u8; 32],
    label: String,
    role: Role,
    kind: Kind,
}

impl std::fmt::Debug for Configured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Configured")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl ConfiguredKeys {
    /// Hashes `keys`.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub(super) fn new(keys: &[ApiKey]) -> Result<Self, RunError> {
        let mut print = [0; 16];
        SystemRandom::new()
            .fill(&mut print)
            .map_err(|_| RunError::message("the system gives no random numbers"))?;
        for key in keys.iter().filter(|key| key.key.expose().len() < SHORT) {
            warn!(
                label = key.label,
                "an API key is so short that it can be guessed; `openssl rand -hex 32` makes one"
            );
        }
        let hashed = |key: &ApiKey| Configured {
            hash: hash(key.key.expose()),
            label: key.label.clone(),
            role: key.role,
            kind: key.kind,
        };
        let keys = keys.iter().filter(|key| !key.key.is_empty());
        Ok(Self {
            keys: keys.map(hashed).collect(),
            print: print.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// Whose key `text` is. Every key is looked at, and each for as long as the others.
    pub(super) fn find(&self, text: &str) -> Option<(Identity, Source)> {
        let shown = hash(text);
        let mut found = u32::MAX;
        for (index, key) in (0u32..).zip(&self.keys) {
            let is_first: Choice = found.ct_eq(&u32::MAX);
            found.conditional_assign(&index, is_first & key.hash.ct_eq(&shown));
        }
        let key = self.keys.get(usize::try_from(found).ok()?)?;
        let source = Source::Configured {
            label: key.label.clone(),
            print: self.print.clone(),
        };
        Some((key.identity(Method::ApiKey), source))
    }

    /// Who began a session with the key `label` of the process `print`.
    pub(super) fn again(&self, label: &str, print: &str) -> Option<Identity> {
        let mut keys = self.keys.iter().filter(|_| print == self.print);
        let key = keys.find(|key| key.label == label)?;
        Some(key.identity(Method::Session))
    }
}

impl Configured {
    fn identity(&self, method: Method) -> Identity {
        Identity::vouch(self.label.clone(), self.role, self.kind, method)
    }
}

fn hash(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}
