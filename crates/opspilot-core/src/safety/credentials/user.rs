//! People who sign in by password.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::index::{RECENT, at};
use super::password::Hashed;
use super::{CredentialError, Password, Source};
use crate::clock::Timestamp;
use crate::safety::identity::{Identity, Role, is_reserved};
use crate::storage::{CollectionSpec, IndexEntry, Record};

/// The longest name, in characters.
pub const USER_NAME_LENGTH: usize = 64;

/// The name of a user, in lower case: names that differ in case alone would be one person twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// Reads a name: letters, digits and `.`, `_`, `-`, `@`, `+`, of ASCII alone, beginning with a letter or digit.
    ///
    /// # Errors
    /// When it is none, or one of the server's own.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let name = text.to_ascii_lowercase();
        if is_reserved(&name) {
            return Err(CredentialError::Reserved(name));
        }
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins_well && name.len() <= USER_NAME_LENGTH && name.chars().all(is_plain) {
            return Ok(Self(name));
        }
        Err(CredentialError::NoName(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Who it is: the subject of whatever they do.
    pub name: UserName,
    /// What they may.
    pub role: Role,
    /// With what they sign in.
    pub password: Password,
}

/// What is known of somebody who signs in by password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who it is: the subject of whatever they do.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// When they were added.
    pub created_at: Timestamp,
    /// Who added them.
    pub created_by: String,
    /// When the password was set.
    pub password_set_at: Timestamp,
}

/// A user as they are stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredUser {
    pub(super) user: User,
    pub(super) password: Hashed,
    /// Drawn anew with each password: sessions that began with another are over. No secret.
    pub(super) generation: String,
}

impl StoredUser {
    pub(super) fn new(
        (name, role): (UserName, Role),
        password: Hashed,
        by: &Identity,
        now: Timestamp,
    ) -> Result<Self, CredentialError> {
        Ok(Self {
            user: User {
                name: name.0,
                role,
                created_at: now,
                created_by: by.subject().to_owned(),
                password_set_at: now,
            },
            password,
            generation: draw()?,
        })
    }

    /// What a session of this user begins with.
    pub(super) fn source(&self) -> Source {
        Source::Password {
            name: self.user.name.clone(),
            generation: self.generation.clone(),
        }
    }
}

/// A name that nothing else has.
pub(super) fn draw() -> Result<String, CredentialError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| CredentialError::NoEntropy)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Record for StoredUser {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "users",
        indexes: &[RECENT],
    };

    fn key(&self) -> String {
        self.user.name.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        vec![at(self.user.created_at)]
    }
}
