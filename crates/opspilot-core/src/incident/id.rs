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
    /// The id is a UUID version 8 (RFC 9562, section 5.8): 60 bits of SHA-256 over detector, rule and stream, then the
    /// position in 62 bits. So incidents of one rule and stream are neighbours in a database's index, and storing many
    /// of them touches few pages.
    #[must_use]
    pub fn derive(detector: &str, rule: &str, stream: &str, position: u64) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [detector, rule, stream] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        let (origin, place) = bytes.split_at_mut(8);
        origin.copy_from_slice(context.finish().as_ref().split_at(8).0);
        place.copy_from_slice(&position.to_be_bytes());
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

    #[test]
    fn ids_of_one_rule_and_stream_follow_the_position() {
        let ids: Vec<_> = [0, 1, 255, 256, 1 << 40]
            .map(|at| IncidentId::derive("d", "r", "s", at))
            .into();
        assert!(
            ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]),
            "{ids:?}"
        );
    }
}
