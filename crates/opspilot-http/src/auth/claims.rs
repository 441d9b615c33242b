//! What a token says, read strictly: each name once, every claim of the profile present and of its type (RFC 9068, with
//! the rules of RFC 8725).

use std::fmt;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::safety::identity::{Kind, Role};
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// How far the clocks of issuer and server may differ.
pub(super) const LEEWAY: Duration = Duration::from_secs(5);

/// The longest subject and token id, in characters.
const NAME_LENGTH: usize = 200;

/// The longest life of a token of a program.
pub(super) const SERVICE_LIFE: Duration = Duration::from_hours(1);

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) audience: Vec<String>,
    pub(super) subject: String,
    pub(super) jti: String,
    pub(super) issued_at: Timestamp,
    not_before: Timestamp,
    expires_at: Timestamp,
    pub(super) role: Option<Role>,
    pub(super) kind: Option<Kind>,
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) longest_life: Duration,
}

/// What is wrong with the times of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is not for this server, or says what no token may say.
    Foreign,
    /// Its time is over.
    Expired,
}

impl Claims {
    /// Reads the claims; `None` when one is missing or not of its type.
    pub(super) fn read(object: &Unique) -> Option<Self> {
        let map = &object.0;
        Some(Self {
            issuer: text(map, "iss")?,
            audience: audience(map.get("aud")?)?,
            subject: name(map, "sub")?,
            jti: name(map, "jti")?,
            issued_at: moment(map, "iat")?,
            not_before: moment(map, "nbf")?,
            expires_at: moment(map, "exp")?,
            role: optional(map, "role")?,
            kind: optional(map, "kind")?,
        })
    }

    /// Says whether the claims fit `expected` at `now`.
    pub(super) fn check(&self, expected: Expected<'_>, now: Timestamp) -> Result<(), Unfit> {
        let is_for_us = self.issuer == expected.issuer
            && self.audience.iter().any(|name| name == expected.audience);
        let life = self.expires_at.since(self.issued_at);
        let longest = match self.kind {
            Some(Kind::Service | Kind::Agent) => expected.longest_life.min(SERVICE_LIFE),
            Some(Kind::Human) | None => expected.longest_life,
        };
        let is_begun = self.issued_at <= now.plus(LEEWAY) && self.not_before <= now.plus(LEEWAY);
        if !is_for_us || !is_begun || life.is_zero() || life > longest {
            return Err(Unfit::Foreign);
        }
        if self.expires_at.plus(LEEWAY) <= now {
            return Err(Unfit::Expired);
        }
        Ok(())
    }
}

pub(super) fn text(map: &Map<String, Value>, name: &str) -> Option<String> {
    map.get(name)?.as_str().map(str::to_owned)
}

fn name(map: &Map<String, Value>, name: &str) -> Option<String> {
    let text = text(map, name)?;
    let is_plain =
        !text.is_empty() && text.chars().count() <= NAME_LENGTH && !text.contains(char::is_control);
    is_plain.then_some(text)
}

pub(super) fn audience(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// A moment in whole seconds (RFC 7519 also allows fractions, which no issuer needs).
pub(super) fn moment(map: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let seconds = map.get(name)?.as_i64().filter(|seconds| *seconds >= 0)?;
    seconds.checked_mul(1_000).map(Timestamp::from_millis)
}

/// The outer option is `None` when the claim is there and wrong.
fn optional<T: DeserializeOwned>(map: &Map<String, Value>, name: &str) -> Option<Option<T>> {
    match map.get(name) {
        None => Some(None),
        Some(value) => serde_json::from_value(value.clone()).ok().map(Some),
    }
}

/// A JSON object that has each name once. `serde_json` alone keeps the last, and another reader might keep the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Unique(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UniqueVisitor;

        impl<'de> Visitor<'de> for UniqueVisitor {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if object.insert(name, value).is_some() {
                        return Err(de::Error::custom("a name is given twice"));
                    }
                }
                Ok(Unique(object))
            }
        }

        deserializer.deserialize_map(UniqueVisitor)
    }
}
