//! A value on one line of YAML.

use serde_json::Value;

/// Words that YAML takes for something else than a text, in any version.
const TAKEN: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "y"];

/// The keys that stand first.
const FIRST: [&str; 2] = ["id", "type"];

/// `value` as flow style; texts without quotes where nothing can mistake them.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) if !entries.is_empty() => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", flow(&Value::String(key.clone())), flow(value))
            };
            let mut pairs: Vec<_> = entries.iter().collect();
            pairs.sort_by_key(|(key, _)| {
                FIRST
                    .iter()
                    .position(|first| first == key)
                    .unwrap_or(FIRST.len())
            });
            let pairs: Vec<_> = pairs.into_iter().map(pair).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        // JSON is YAML.
        other => other.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(is_word)
        && !TAKEN.iter().any(|word| text.eq_ignore_ascii_case(word))
        && !text.eq_ignore_ascii_case("n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_quoted_unless_nothing_can_mistake_them() {
        let value = json!({
            "a": ["/var/log/x.log", "b c", "${TOKEN}", "yes", "1e3", "", "a: b", "#", "-"],
            "n": 5, "t": true, "o": {},
        });
        let expected = r##"{ a: [/var/log/x.log, "b c", "${TOKEN}", "yes", "1e3", "", "a: b", "#", "-"], "n": 5, o: {}, t: true }"##;
        assert_eq!(flow(&value), expected);
    }

    #[test]
    fn control_characters_stay_on_one_line() {
        assert_eq!(flow(&json!("a\nb\u{1b}")), r#""a\nb\u001b""#);
    }
}
