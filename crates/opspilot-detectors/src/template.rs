//! Texts with placeholders.

/// A text with placeholders such as `$0` or `$value`.
///
/// It is filled in one pass: what is put in is never looked at again, so a `$1` that comes from a log line stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Slot(usize),
}

impl Template {
    /// Reads `text`, in which each of `names` is a placeholder; they start with `$`. Other `$` stand for themselves.
    #[must_use]
    pub(crate) fn parse(text: &str, names: &[&str]) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let slot = names.iter().position(|name| rest.starts_with(name));
            if let Some(slot) = slot {
                push_text(&mut parts, &mut plain);
                parts.push(Part::Slot(slot));
            } else {
                plain.push(next);
            }
            let length = slot
                .and_then(|slot| names.get(slot))
                .map_or_else(|| next.len_utf8(), |name| name.len());
            rest = rest.get(length..).unwrap_or_default();
        }
        push_text(&mut parts, &mut plain);
        Self(parts)
    }

    /// The text with every placeholder replaced by the value at its place in the list of names, or by nothing if there
    /// is none. At most about `limit` bytes; a longer text ends in `…`.
    #[must_use]
    pub(crate) fn render(&self, values: &[&str], limit: usize) -> String {
        let mut text = String::new();
        for part in &self.0 {
            text.push_str(match part {
                Part::Text(plain) => plain,
                Part::Slot(slot) => values
                    .get(*slot)
                    .copied()
                    .map_or("", |value| cut(value, limit)),
            });
            if text.len() > limit {
                break;
            }
        }
        if text.len() > limit {
            text.truncate(cut(&text, limit).len());
            text.push('…');
        }
        text
    }
}

fn push_text(parts: &mut Vec<Part>, plain: &mut String) {
    if !plain.is_empty() {
        parts.push(Part::Text(std::mem::take(plain).into()));
    }
}

/// The start of `text` that is not much longer than `limit` bytes.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.ceil_char_boundary(limit.saturating_add(1)))
        .unwrap_or(text)
}

/// `text`, or its first about `limit` bytes and `…`.
#[must_use]
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut short = text
        .get(..text.floor_char_boundary(limit))
        .unwrap_or_default()
        .to_owned();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 3] = ["$0", "$1", "$value"];

    #[test]
    fn placeholders_are_replaced() {
        let rows = [
            ("$0: $1", "whole: one"),
            ("$value$value", "7 $07 $0"),
            ("$2 costs $ 5 $", "$2 costs $ 5 $"),
            ("$$1", "$one"),
            ("é$0é", "éwholeé"),
        ];
        for (text, expected) in rows {
            assert_eq!(
                Template::parse(text, &NAMES).render(&["whole", "one", "7 $0"], 100),
                expected
            );
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = Template::parse("$0", &["$0"]).render(&[&"é".repeat(100)], 9);
        assert!(text.ends_with('…') && text.len() < 20, "{text}");
        assert_eq!(shortened("ééé", 3), "é…");
        assert_eq!(shortened("abc", 3), "abc");
    }

    proptest! {
        #[test]
        fn what_is_put_in_is_never_expanded(before in "[a-z$]{0,8}", value in "[$0-9a-z]{0,12}", after in "[ a-z]{0,8}") {
            let text = format!("{before}|$0|{after}");
            let rendered = Template::parse(&text, &["$0"]).render(&[&value], 1_000);
            prop_assert_eq!(rendered, format!("{before}|{value}|{after}"));
        }
    }
}
