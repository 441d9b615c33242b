//! An action, and the proof that a person approved exactly this one.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::incident::IncidentId;

/// Something to do, with everything that its approval is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    /// Who does it: `command`, `systemd`, `kubernetes`, `http`, `manual` …
    pub executor: String,
    /// The type of action: its name in the catalogue.
    pub action_type: String,
    /// What it is done to, for example `unit nginx.service`.
    pub target: String,
    /// The values of its parameters.
    pub arguments: Map<String, Value>,
    /// The digest of the catalogue entry that says what is done: another entry is another action.
    pub recipe: Digest,
    /// How the world was when it was proposed, in the executor's words; it must be so when it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precondition: Option<String>,
}

impl Action {
    /// The SHA-256 of the action's JSON, whose object keys are in ascending order.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // `serde_json::Map` keeps its keys sorted, and a struct's fields are written in declaration order.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Self(digest)
    }

    /// A digest that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 of 64 lower-case hexadecimal digits")]
pub struct DigestError;

impl std::str::FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let text = text.as_bytes();
        let mut digest = [0; 32];
        if text.len() != 64 {
            return Err(DigestError);
        }
        for (byte, pair) in digest.iter_mut().zip(text.chunks(2)) {
            let mut value = 0;
            for digit in pair {
                value = value * 16
                    + match digit {
                        b'0'..=b'9' => digit - b'0',
                        b'a'..=b'f' => digit - b'a' + 10,
                        _ => return Err(DigestError),
                    };
            }
            *byte = value;
        }
        Ok(Self(digest))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

/// An action that a person approved and whose token was used up for it.
///
/// Only the approval gate makes one, when it redeems a token. It is not `Clone`, and executors take it by value: it
/// allows one execution, and an execution without it does not compile.
///
/// ```compile_fail
/// # use opspilot_core::safety::action::{Action, Approved};
/// fn twice(approved: Approved) -> (Approved, Approved) {
///     (approved.clone(), approved)
/// }
/// ```
///
/// ```compile_fail
/// # use opspilot_core::safety::action::{Action, Approved};
/// fn forge(action: Action) -> Approved {
///     Approved { action, execution: "1".into(), approved_by: Vec::new(), incident: None }
/// }
/// ```
#[derive(Debug)]
pub struct Approved {
    action: Action,
    execution: String,
    approved_by: Vec<String>,
    incident: Option<IncidentId>,
}

impl Approved {
    /// For the gate alone.
    pub(super) fn new(
        action: Action,
        execution: String,
        approved_by: Vec<String>,
        incident: Option<IncidentId>,
    ) -> Self {
        Self {
            action,
            execution,
            approved_by,
            incident,
        }
    }

    /// What may be done.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// The id of the execution that this is for.
    #[must_use]
    pub fn execution(&self) -> &str {
        &self.execution
    }

    /// Who approved it.
    #[must_use]
    pub fn approved_by(&self) -> &[String] {
        &self.approved_by
    }

    /// The incident that it should help, if any.
    #[must_use]
    pub const fn incident(&self) -> Option<&IncidentId> {
        self.incident.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_have_one_text_form() {
        let digest = Digest::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        let (upper, short) = (text.to_uppercase(), text.replacen('b', "", 1));
        for wrong in [upper.as_str(), "", &short, &text.replace('b', "g")] {
            assert_eq!(wrong.parse::<Digest>(), Err(DigestError), "{wrong}");
        }
    }

    #[test]
    fn every_part_of_an_action_counts_in_its_digest() {
        let action = Action {
            executor: "command".into(),
            action_type: "restart".into(),
            target: "web".into(),
            arguments: Map::from_iter([("n".to_owned(), Value::from(1))]),
            recipe: Digest::of(b"recipe"),
            precondition: None,
        };
        let changes: [fn(&mut Action); 6] = [
            |action| action.executor.push('x'),
            |action| action.action_type.push('x'),
            |action| action.target.push('x'),
            |action| {
                action.arguments.insert("n".into(), Value::from("1"));
            },
            |action| action.recipe = Digest::of(b"other"),
            |action| action.precondition = Some(String::new()),
        ];
        for change in changes {
            let mut other = action.clone();
            change(&mut other);
            assert_ne!(other.digest(), action.digest(), "{other:?}");
        }
    }
}
