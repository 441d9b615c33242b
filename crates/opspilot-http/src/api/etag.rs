//! Entity tags (RFC 9110, section 8.8.3): a digest of what is sent, so equal tags mean equal bytes.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ring::digest;

use super::compress::TAG_SUFFIX;

/// How many bytes of the digest a tag shows: enough that no two versions share one.
const SHOWN: usize = 16;

/// The tag of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ETag(String);

impl ETag {
    /// The tag of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, bytes);
        let mut tag = String::with_capacity(2 + 2 * SHOWN);
        tag.push('"');
        for byte in digest.as_ref().iter().take(SHOWN) {
            // Writing into a `String` cannot fail.
            write!(tag, "{byte:02x}").ok();
        }
        tag.push('"');
        Self(tag)
    }

    /// The tag as a header value.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// The tags of a condition, see [`Condition::of`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition(Vec<String>);

impl Condition {
    /// `If-None-Match`, compared weakly.
    pub(super) fn if_none_match(headers: &HeaderMap) -> Option<Self> {
        let condition = Self::of(headers, &header::IF_NONE_MATCH)?;
        let strong = |tag: String| match tag.strip_prefix("W/") {
            Some(strong) => strong.to_owned(),
            None => tag,
        };
        Some(Self(condition.0.into_iter().map(strong).collect()))
    }

    /// `If-Match`, compared strongly: a weak tag never matches.
    pub(super) fn if_match(headers: &HeaderMap) -> Option<Self> {
        Self::of(headers, &header::IF_MATCH)
    }

    /// True if the condition names `tag`, in its plain form or its packed one, or any by `*`.
    pub(super) fn matches(&self, tag: &ETag) -> bool {
        let plain = tag.0.trim_matches('"');
        let is_named = |one: &String| match one.strip_suffix('"') {
            Some(start) => {
                let start = start.strip_suffix(TAG_SUFFIX).unwrap_or(start);
                start.strip_prefix('"') == Some(plain)
            }
            None => one == "*",
        };
        self.0.iter().any(is_named)
    }

    fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        headers.contains_key(name).then(|| {
            let values = headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok());
            // A tag of ours contains no comma, so splitting there finds ours whatever the others contain.
            Self(
                values
                    .flat_map(|value| value.split(','))
                    .map(|tag| tag.trim().to_owned())
                    .collect(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_tags_or_any() {
        let tag = ETag::of(b"x");
        let text = tag.value().unwrap();
        let text = text.to_str().unwrap();
        let matches = |value: &str| {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, value.parse().unwrap())]);
            Condition::if_match(&headers).unwrap().matches(&tag)
        };
        assert!(matches(text));
        assert!(matches(&format!("\"a,b\", {text}")));
        assert!(matches("*"));
        let packed = format!("{}-gzip\"", text.strip_suffix('"').unwrap());
        assert!(matches(&packed));
        for other in [
            String::new(),
            "\"a\"".into(),
            text.trim_matches('"').into(),
            format!("W/{text}"),
        ] {
            assert!(!matches(&other), "{other}");
        }
        let headers =
            HeaderMap::from_iter([(header::IF_NONE_MATCH, format!("W/{text}").parse().unwrap())]);
        assert!(Condition::if_none_match(&headers).unwrap().matches(&tag));
        assert_eq!(Condition::if_match(&headers), None);
    }
}
