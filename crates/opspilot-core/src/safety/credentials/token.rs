//! What is kept of tokens: who got one, and what no longer counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Invalid;
use super::index::{EXPIRY, RECENT, at};
use crate::clock::Timestamp;
use crate::safety::identity::{Identity, Kind, Role};
use crate::storage::{CollectionSpec, IndexEntry, Record};

/// A token to write down.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its id.
    pub jti: String,
    /// Whose it is.
    pub subject: String,
    /// What it allows.
    pub role: Role,
    /// Who holds it.
    pub kind: Kind,
    /// When it was issued, to the second.
    pub issued_at: Timestamp,
    /// When its life is over, to the second.
    pub expires_at: Timestamp,
}

/// What is known of a token that was issued here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Its id.
    pub jti: String,
    /// Whose it is: the subject of whatever is done with it.
    pub subject: String,
    /// What it allows.
    pub role: Role,
    /// Who holds it.
    pub kind: Kind,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Who issued it.
    pub issued_by: String,
    /// When its life is over.
    pub expires_at: Timestamp,
    /// When it was revoked; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// When it was written down.
    recorded_at: Timestamp,
}

impl Token {
    pub(super) fn new(new: NewToken, by: &Identity, now: Timestamp) -> Self {
        Self {
            jti: new.jti,
            subject: new.subject,
            role: new.role,
            kind: new.kind,
            issued_at: new.issued_at,
            issued_by: by.subject().to_owned(),
            expires_at: new.expires_at,
            revoked_at: None,
            recorded_at: now,
        }
    }

    /// The token, if it was not revoked. Its times stand in the token itself, and whoever verifies that checks them.
    ///
    /// # Errors
    /// When it was revoked.
    pub fn check(self) -> Result<Self, Invalid> {
        match self.revoked_at {
            Some(_) => Err(Invalid::Revoked),
            None => Ok(self),
        }
    }
}

impl Record for Token {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "tokens",
        indexes: &[RECENT, EXPIRY],
    };

    fn key(&self) -> String {
        self.jti.clone()
    }

    fn index(&self) -> Vec<Option<IndexEntry>> {
        vec![at(self.recorded_at), at(self.expires_at)]
    }
}

/// Which tokens of a subject do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectRule {
    /// Whose tokens.
    pub subject: String,
    /// Tokens that were issued before this moment do not count.
    pub not_before: Timestamp,
}

impl Record for SubjectRule {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "token_subjects",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.subject.clone()
    }
}
