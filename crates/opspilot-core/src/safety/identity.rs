//! Who acts.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::config::{Kind, Role};

/// Somebody who proved who they are.
///
/// Only [`Identity::vouch`] makes one. Whoever calls it has checked a credential; modules that check none never hold an
/// identity, and so cannot decide anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    subject: String,
    role: Role,
    kind: Kind,
    method: Method,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// Authentication is off: whoever reaches the loopback address.
    Local,
    /// A bearer token (JWT).
    Jwt,
    /// An API key.
    ApiKey,
    /// The cookie of a browser session.
    Session,
}

impl Identity {
    /// Says that a checked credential belongs to `subject`.
    #[must_use]
    pub fn vouch(subject: impl Into<String>, role: Role, kind: Kind, method: Method) -> Self {
        Self {
            subject: subject.into(),
            role,
            kind,
            method,
        }
    }

    /// The name in the audit log, in timelines and in events.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What they may do.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// What they are.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How they proved it.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)
    }
}
