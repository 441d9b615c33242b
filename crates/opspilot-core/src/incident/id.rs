//! Incident identity.

use std::fmt;

use ring::digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The identity of an incident, in the form of a UUID.
///
/// Detectors derive it from what they saw, so the same line read again names the same incident.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct IncidentId(String);

impl IncidentId {
    /// Derives an id from detector, rule, stream and position of the signal in the stream.
    ///
    /// The id is a UUID version 8 (RFC 9562, section 5.8) over SHA-256.
    #[must_use]
    pub fn derive(detector: &str, rule: &str, stream: &str, position: u64) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [detector, rule, stream] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.update(&position.to_be_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(context.finish().as_ref().split_at(16).0);
        Self(Uuid::new_v8(bytes).to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for IncidentId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for IncidentId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::IncidentId;

    #[test]
    fn equal_parts_give_equal_ids_and_boundaries_count() {
        let id = |rule, stream| IncidentId::derive("detector.regex", rule, stream, 7);
        assert_eq!(id("ab", "c"), id("ab", "c"));
        assert_ne!(id("ab", "c"), id("a", "bc"));
    }
}
