//! Texts with places of a JSON body in them.

use serde_json::Value;

use super::signal::cut;

/// A place in an item, or in the whole body: a JSON pointer (RFC 6901), with `$` before it for the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    is_whole: bool,
    pointer: String,
}

/// A text in which `{/pointer}` stands for what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// What templates are filled from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) item: &'a Value,
    pub(super) body: &'a Value,
}

impl Place {
    /// Reads a pointer.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (is_whole, pointer) = match text.strip_prefix('$') {
            Some(pointer) => (true, pointer),
            None => (false, text),
        };
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "`{text}` is not a JSON pointer: write `/` before each key, for example `/alerts/0/name`, and `$` \
                 first to start at the whole body"
            ));
        }
        Ok(Self {
            is_whole,
            pointer: pointer.to_owned(),
        })
    }

    /// What is there; null counts as nothing.
    pub(super) fn find<'a>(&self, scope: Scope<'a>) -> Option<&'a Value> {
        let start = if self.is_whole {
            scope.body
        } else {
            scope.item
        };
        let found = start.pointer(&self.pointer)?;
        (!found.is_null()).then_some(found)
    }

    /// What is there, as text of at most about `limit` bytes.
    pub(super) fn text(&self, scope: Scope<'_>, limit: usize) -> Option<String> {
        Some(match self.find(scope)? {
            Value::String(text) => cut(text, limit),
            other => cut(&other.to_string(), limit),
        })
    }

    /// The pointer.
    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl Template {
    /// Reads a text; `{{` and `}}` stand for braces.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = rest.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let Some((place, after)) = after.split_once('}') else {
                    return Err(format!(
                        "`{text}`: a `{{` has no `}}`; write `{{{{` for a brace"
                    ));
                };
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Place(Place::parse(place)?));
                rest = after;
            } else {
                plain.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The text of at most about `limit` bytes; a place where nothing is leaves nothing. What is put in is never looked
    /// at again.
    pub(super) fn render(&self, scope: Scope<'_>, limit: usize) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Place(place) => {
                    text.push_str(&place.text(scope, limit).unwrap_or_default());
                }
            }
            if text.len() > limit {
                break;
            }
        }
        cut(&text, limit)
    }

    /// The first place of the template where nothing is.
    pub(super) fn missing(&self, scope: Scope<'_>) -> Option<&Place> {
        self.0.iter().find_map(|part| match part {
            Part::Place(place) if place.find(scope).is_none() => Some(place),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_filled_in_one_pass() {
        let body = json!({"name": "{/x}", "list": [1, true, null], "x": "no", "a/b": {"~": 2}});
        let item = json!({"name": "item"});
        let scope = Scope {
            item: &item,
            body: &body,
        };
        let rows = [
            ("{/name}: {$/name}", "item: {/x}"),
            (
                "{$/list/0} {$/list/1} [{$/list/2}] [{/none}]",
                "1 true [] []",
            ),
            ("{{{/name}}}", "{item}"),
            ("{$/a~1b/~0}", "2"),
            ("{$/a~1b}", "{\"~\":2}"),
        ];
        for (text, expected) in rows {
            assert_eq!(
                Template::parse(text).unwrap().render(scope, 100),
                expected,
                "{text}"
            );
        }
        for text in ["{/name", "{name}", "{ /name}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        let missing = Template::parse("{/name}{/none}").unwrap();
        assert_eq!(missing.missing(scope).map(Place::pointer), Some("/none"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_the_result_is_bounded(text in ".{0,60}", value in ".{0,200}") {
            let item = json!({"a": value});
            if let Ok(template) = Template::parse(&text) {
                let rendered = template.render(Scope { item: &item, body: &item }, 50);
                prop_assert!(rendered.len() <= 50 + '…'.len_utf8());
            }
        }
    }
}
