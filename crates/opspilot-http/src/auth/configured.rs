//! The API keys that stand in the configuration.

use opspilot_core::config::{ApiKey, Kind, Role};
use opspilot_core::module::RunError;
use opspilot_core::safety::credentials::Source;
use opspilot_core::safety::identity::{Identity, Method, is_reserved};
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
}

struct Configured {
    hash: [u8; 32],
    /// Tells sessions with this key from those with another of the same label, and from those of another process.
    print: String,
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
    /// When a label is a name of the server itself, or the system gives no random numbers.
    pub(super) fn new(keys: &[ApiKey]) -> Result<Self, RunError> {
        if let Some(key) = keys.iter().find(|key| is_reserved(&key.label)) {
            let message =
                "is a name of the server or of a module: write another under `auth.apiKeys`";
            return Err(RunError::message(format!(
                "the label `{}` {message}",
                key.label
            )));
        }
        let mut salt = [0; 16];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| RunError::message("the system gives no random numbers"))?;
        for key in keys.iter().filter(|key| key.key.expose().len() < SHORT) {
            warn!(
                label = key.label,
                "an API key is so short that it can be guessed; `openssl rand -hex 32` makes one"
            );
        }
        let hashed = |key: &ApiKey| Configured {
            hash: hash(key.key.expose()),
            print: print(&salt, key.key.expose()),
            label: key.label.clone(),
            role: key.role,
            kind: key.kind,
        };
        let keys = keys.iter().filter(|key| !key.key.is_empty());
        Ok(Self {
            keys: keys.map(hashed).collect(),
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
            print: key.print.clone(),
        };
        Some((key.identity(Method::ApiKey), source))
    }

    /// Who began a session with the key `label` of the process `print`.
    pub(super) fn again(&self, label: &str, print: &str) -> Option<Identity> {
        let mut keys = self.keys.iter();
        let key = keys.find(|key| key.label == label && key.print == print)?;
        Some(key.identity(Method::Session))
    }
}

impl Configured {
    fn identity(&self, method: Method) -> Identity {
        Identity::vouch(self.label.clone(), self.role, self.kind, method)
    }
}

/// A name for a key that tells nothing of it: nobody knows the salt, which ends with the process.
fn print(salt: &[u8], key: &str) -> String {
    let salted = [salt, key.as_bytes()].concat();
    let digest = digest(&SHA256, &salted);
    let bytes = digest.as_ref().iter().take(16);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn hash(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_keeps_to_its_key_among_those_of_one_label() {
        let key = |text: &str, role, kind| ApiKey {
            label: "ann".into(),
            key: opspilot_core::config::Secret::new(text.to_owned()),
            role,
            kind,
        };
        let keys = ConfiguredKeys::new(&[
            key("an admin's key of length", Role::Admin, Kind::Human),
            key("a viewer's key of length", Role::Viewer, Kind::Service),
        ])
        .unwrap();
        for (text, role) in [
            ("an admin's key of length", Role::Admin),
            ("a viewer's key of length", Role::Viewer),
        ] {
            let (_, source) = keys.find(text).unwrap();
            let Source::Configured { label, print } = source else {
                panic!("{source:?}")
            };
            assert_eq!(keys.again(&label, &print).unwrap().role(), role);
            assert!(keys.again(&label, "").is_none());
        }
    }

    #[test]
    fn no_key_has_the_name_of_a_module() {
        let key = ApiKey {
            label: "action.safe".into(),
            key: opspilot_core::config::Secret::new("a key of length enough".into()),
            role: Role::Admin,
            kind: Kind::Human,
        };
        let error = ConfiguredKeys::new(&[key]).unwrap_err();
        assert!(error.to_string().contains("`action.safe`"), "{error}");
    }
}
