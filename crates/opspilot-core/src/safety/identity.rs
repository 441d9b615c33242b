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

/// True if two subjects name one person: they differ at most in case, in spaces around them and in characters that
/// nobody sees. Whoever has two credentials counts once.
pub(crate) fn is_same_person(one: &str, other: &str) -> bool {
    one == other || folded(one) == folded(other)
}

/// True if `subject` could be taken for the server itself, one of its modules, or somebody without a credential. Nobody
/// who shows a credential has such a name: the audit log would tell of another.
#[must_use]
pub fn is_reserved(subject: &str) -> bool {
    let subject = folded(subject);
    let is_module = subject.split_once('.').is_some_and(|(category, name)| {
        CATEGORIES.contains(&category) && name.chars().all(char::is_alphanumeric)
    });
    let is_nobody = ["anonymous@", "operator@"].iter();
    subject == "core" || is_module || is_nobody.into_iter().any(|name| subject.starts_with(name))
}

/// What the ids of modules start with.
const CATEGORIES: [&str; 8] = [
    "connector",
    "detector",
    "enricher",
    "action",
    "notifier",
    "openclaw",
    "ui",
    "plugin",
];

/// A subject without what nobody sees of it, in one case.
fn folded(subject: &str) -> String {
    let seen = subject.trim().chars().filter(|c| !is_unseen(*c));
    // There and back, for letters of which one case has several forms.
    seen.flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Control characters, and those that only join, part or turn others (the default ignorable ones of Unicode 16, table
/// `DerivedCoreProperties`, as far as a name may hold them).
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_like_the_server_or_its_modules() {
        for name in [
            "core",
            "Core ",
            "action.safe",
            "ACTION.runbook",
            "ui.api",
            "operator@127.0.0.1",
            "anonymous@x",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in [
            "rosa",
            "action.smith@example.org",
            "ann.core",
            "operators",
            "operator-human",
        ] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn subjects_that_differ_in_what_is_seen_are_two() {
        assert!(is_same_person("STRASSE", "stra\u{df}e"));
        assert!(!is_same_person("ann", "anna"));
        assert!(!is_same_person("ann bell", "annbell"));
    }
}
