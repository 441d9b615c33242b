//! Sets of HTTP statuses.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// A set of HTTP statuses, written `200`, `200-299`, `2xx`, `200, 204`, or as a list of such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![200..=200])
    }
}

impl Statuses {
    /// True if `status` is one of them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(|part| range(part.trim()));
        parts.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", range.start())?;
            if range.start() != range.end() {
                write!(f, "-{}", range.end())?;
            }
        }
        Ok(())
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let found = match (text.strip_suffix("xx"), text.split_once('-')) {
        (Some(class), _) => number(class)
            .filter(|class| *class < 10)
            .map(|class| class * 100..=class * 100 + 99),
        (None, Some((first, last))) => number(first)
            .zip(number(last))
            .map(|(first, last)| first..=last),
        (None, None) => number(text).map(|status| status..=status),
    };
    let is_valid = |range: &RangeInclusive<u16>| {
        !range.is_empty() && *range.start() >= 100 && *range.end() < 600
    };
    found.filter(is_valid).ok_or_else(|| {
        format!("`{text}` is not a status: write `200`, `200-299` or `2xx`, from 100 to 599")
    })
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusesVisitor)
    }
}

struct StatusesVisitor;

impl<'de> Visitor<'de> for StatusesVisitor {
    type Value = Statuses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status, a range of statuses, or a list of such")
    }

    fn visit_u64<E: Error>(self, status: u64) -> Result<Statuses, E> {
        self.visit_str(&status.to_string())
    }

    fn visit_i64<E: Error>(self, status: i64) -> Result<Statuses, E> {
        self.visit_str(&status.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Statuses, E> {
        Statuses::parse(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
        let mut ranges = Vec::new();
        while let Some(Statuses(more)) = list.next_element()? {
            ranges.extend(more);
        }
        if ranges.is_empty() {
            return Err(A::Error::custom(
                "the list is empty: no answer could be right",
            ));
        }
        Ok(Statuses(ranges))
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status (`200`), a range (`200-299`, `2xx`), or a list of such.",
            "type": ["integer", "string", "array"],
            "items": { "type": ["integer", "string"] },
            "minItems": 1
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn statuses_are_read_in_every_form() {
        let rows = [
            (json!(204), "204"),
            (json!("2xx"), "200-299"),
            (json!("200-204, 301"), "200-204, 301"),
            (json!([200, "4xx"]), "200, 400-499"),
        ];
        for (value, shown) in rows {
            let statuses: Statuses = serde_json::from_value(value).unwrap();
            assert_eq!(statuses.to_string(), shown);
        }
        let statuses: Statuses = serde_json::from_value(json!([200, "4xx"])).unwrap();
        let hits = [199, 200, 201, 399, 400, 499, 500].map(|status| statuses.contains(status));
        assert_eq!(hits, [false, true, false, false, true, true, false]);
    }

    #[test]
    fn what_is_no_status_is_named() {
        for value in [
            json!(0),
            json!(600),
            json!("299-200"),
            json!("xx"),
            json!(-1),
            json!("65xx"),
            json!([]),
        ] {
            let fault = serde_json::from_value::<Statuses>(value.clone()).unwrap_err();
            let fault = fault.to_string();
            assert!(
                fault.contains("200-299") || fault.contains("empty"),
                "{value}: {fault}"
            );
        }
    }
}
