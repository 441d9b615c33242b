//! What makes two incidents the same.

use std::fmt;

use opspilot_core::event::IncidentCreated;
use ring::digest::{Context, SHA256};
use schemars::JsonSchema;
use serde::Deserialize;

/// A field of an incident that two incidents must share to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// The title.
    Title,
    /// The severity.
    Severity,
    /// The detector's module id.
    DetectedBy,
    /// The description.
    Description,
}

/// The SHA-256 over the compared fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Severity => "severity",
            Self::DetectedBy => "detectedBy",
            Self::Description => "description",
        }
    }

    fn value(self, event: &IncidentCreated) -> &str {
        match self {
            Self::Title => &event.title,
            Self::Severity => event.severity.as_str(),
            Self::DetectedBy => &event.detected_by,
            Self::Description => &event.description,
        }
    }
}

impl Fingerprint {
    /// Hashes `field=value` pairs, joined with `|`, in the order of `fields`: the form that OpsPilot has always used.
    pub(super) fn of(fields: &[Field], event: &IncidentCreated) -> Self {
        let mut context = Context::new(&SHA256);
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                context.update(b"|");
            }
            context.update(field.name().as_bytes());
            context.update(b"=");
            context.update(field.value(event).as_bytes());
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }

    /// Reads the hex form; `None` if it is none.
    pub(super) fn parse(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if hex.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let &[high, low] = pair else { return None };
            *byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::created;

    #[test]
    fn is_the_sha256_of_the_named_fields() {
        let event = created("a", "Disk full");
        let fingerprint =
            Fingerprint::of(&[Field::Title, Field::Severity, Field::DetectedBy], &event);
        // printf 'title=Disk full|severity=warning|detectedBy=detector.regex' | sha256sum
        let expected = "cfa038b22be05046219527b1cd9d6c25e757e7a12acc12c308851879a3067917";
        assert_eq!(fingerprint.to_string(), expected);
        assert_eq!(Fingerprint::parse(expected), Some(fingerprint));
    }
}
