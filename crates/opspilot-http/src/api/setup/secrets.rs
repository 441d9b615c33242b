//! Which keys hold secrets: what is sent may only refer to them, and what is shown leaves them out.

use std::collections::BTreeSet;

use opspilot_core::module::Factory;
use serde_json::{Map, Value};

/// What stands where a value is not shown.
const REDACTED: &str = "[redacted]";

/// How much of a key is repeated in a fault, in bytes.
const SHOWN: usize = 64;

/// The names of all keys that hold secrets.
#[derive(Debug, Default)]
pub(super) struct SecretKeys(BTreeSet<String>);

impl SecretKeys {
    /// Those of the root sections and of all modules.
    pub(super) fn of(factories: &[Factory]) -> Self {
        let mut keys = Self::default();
        // The sections of the root that hold secrets.
        for name in ["jwtSecret", "jwtPreviousSecret", "key"] {
            keys.0.insert(name.to_owned());
        }
        for factory in factories {
            keys.collect(None, factory.schema().as_value());
        }
        keys
    }

    fn collect(&mut self, name: Option<&str>, schema: &Value) {
        match schema {
            Value::Object(object) => {
                let is_secret = object.get("writeOnly") == Some(&Value::Bool(true));
                if let (true, Some(name)) = (is_secret, name) {
                    self.0.insert(name.to_owned());
                }
                for (key, value) in object {
                    match (key.as_str(), value) {
                        ("properties", Value::Object(properties)) => {
                            for (name, schema) in properties {
                                self.collect(Some(name), schema);
                            }
                        }
                        _ => self.collect(name, value),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|one| self.collect(name, one)),
            _ => {}
        }
    }

    /// The first key of `options` whose value is a secret that was written out, or a reference where no secret belongs.
    pub(super) fn fault(&self, options: &Map<String, Value>) -> Option<String> {
        options
            .iter()
            .find_map(|(key, value)| self.fault_at(key, value))
    }

    fn fault_at(&self, key: &str, value: &Value) -> Option<String> {
        let is_secret = self.0.contains(key);
        let shown = key
            .get(..key.floor_char_boundary(SHOWN))
            .unwrap_or_default();
        match value {
            Value::Array(items) => items.iter().find_map(|item| self.fault_at(key, item)),
            Value::Object(entries) => entries.iter().find_map(|(inner, value)| {
                // The values of a secret map are secrets, whatever they are called.
                self.fault_at(if is_secret { key } else { inner }, value)
            }),
            Value::String(text) if is_secret && is_reference(text) => None,
            Value::String(text) if !is_secret && text.contains("${") => Some(format!(
                "`{shown}` is shown to people: write it without `${{…}}`"
            )),
            _ if is_secret => Some(format!(
                "`{shown}` is a secret: write `${{NAME}}` for a variable of the server, or `${{file:/path}}`"
            )),
            _ => None,
        }
    }

    /// `text` in lines without what a secret key has behind it. References stay.
    pub(super) fn masked(&self, text: &str) -> Vec<String> {
        let mut hidden_below = None;
        let mut lines = Vec::new();
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            let is_below = hidden_below.is_some_and(|key| indent > key) && !line.trim().is_empty();
            if is_below {
                lines.push(format!("{}{REDACTED}", " ".repeat(indent)));
                continue;
            }
            let masked = self.masked_line(line);
            let is_plain = self.secret_at(line).is_none();
            // The key of an entry of a list stands behind its dash.
            let key = line.len() - line.trim_start_matches([' ', '-']).len();
            hidden_below = (!is_plain).then_some(key);
            lines.push(masked);
        }
        lines
    }

    fn masked_line(&self, line: &str) -> String {
        let Some((kept, value)) = self
            .secret_at(line)
            .and_then(|at| line.split_at_checked(at))
        else {
            return line.to_owned();
        };
        let bare = value.trim_start();
        if bare.is_empty() {
            return kept.to_owned();
        }
        let space = value.get(..value.len() - bare.len()).unwrap_or_default();
        match reference_end(bare).and_then(|end| bare.split_at_checked(end)) {
            Some((reference, rest)) => {
                format!("{kept}{space}{reference}{}", self.masked_line(rest))
            }
            None => format!("{kept} {REDACTED}"),
        }
    }

    /// Where the value of the first secret key of a line begins.
    fn secret_at(&self, line: &str) -> Option<usize> {
        let ends = line.match_indices(':').map(|(at, _)| at);
        let mut ends = ends.filter(|at| {
            let before = line.get(..*at).unwrap_or_default();
            let name = before.trim_end().trim_end_matches(['"', '\'']);
            let start = name.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = start.map_or(name, |start| name.get(start + 1..).unwrap_or_default());
            self.0.contains(name)
        });
        ends.next().map(|at| at + 1)
    }
}

/// True for `${NAME}` and `${file:/path}`, and nothing beside it.
fn is_reference(text: &str) -> bool {
    let inner = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_file = inner.strip_prefix("file:").is_some_and(|path| {
            path.starts_with('/')
                && !path.contains(['$', '{', '}'])
                && !path.contains(char::is_control)
        });
        is_file || (!inner.is_empty() && inner.chars().all(is_name))
    })
}

/// Where a reference at the beginning of `value` ends, its quotes included, if nothing else belongs to the value.
fn reference_end(value: &str) -> Option<usize> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let start = quote.map_or(0, char::len_utf8);
    let end = start + value.get(start..)?.find('}')? + 1;
    if !is_reference(value.get(start..end)?) {
        return None;
    }
    let rest = value.get(end..)?;
    let rest = match quote {
        Some(quote) => rest.strip_prefix(quote)?,
        None => rest,
    };
    let next = rest.trim_start().chars().next();
    let is_over = next.is_none_or(|next| matches!(next, ',' | '}' | ']' | '#'));
    is_over.then_some(value.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys() -> SecretKeys {
        let mut keys = SecretKeys::default();
        keys.collect(
            None,
            &json!({ "properties": {
                "url": { "type": "string" },
                "token": { "anyOf": [{ "type": "string", "writeOnly": true }, { "type": "null" }] },
                "headers": { "type": "object", "additionalProperties": { "writeOnly": true } },
            } }),
        );
        keys
    }

    #[test]
    fn a_secret_is_a_reference_and_nothing_else_is() {
        let keys = keys();
        let fault = |value: Value| keys.fault(value.as_object().unwrap()).is_some();
        for good in [
            json!({ "token": "${TOKEN}" }),
            json!({ "token": "${file:/run/secrets/token}" }),
            json!({ "url": "http://a", "headers": { "x": "${X}" } }),
            json!({ "a": [{ "token": "${T}" }] }),
        ] {
            assert!(!fault(good.clone()), "{good}");
        }
        for bad in [
            json!({ "token": "s3cret" }),
            json!({ "token": "${TOKEN}s3cret" }),
            json!({ "token": "${TOKEN:-s3cret}" }),
            json!({ "token": "" }),
            json!({ "token": 7 }),
            json!({ "token": "${file:relative}" }),
            json!({ "headers": { "url": "s3cret" } }),
            json!({ "a": [{ "token": "s3cret" }] }),
            json!({ "url": "${file:/etc/shadow}" }),
            json!({ "a": ["${HOME}"] }),
        ] {
            assert!(fault(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn no_secret_of_a_file_is_shown() {
        let text = "\
a:
  token: s3cret   # a comment
  url: http://a
  \"token\": 's3cret'
  - { type: bearer, token: s3cret, url: b }
  token: ${TOKEN}
  token: \"${file:/run/token}\"
  token: |
    s3cret
    s3cret
  url: c
  headers:
    x: s3cret
    y:
      - s3cret
  # token: s3cret
  mytoken: shown
  - { id: a, token: \"${TOKEN}\" }
  - { token: \"${TOKEN}\", token: s3cret }
  - { token: ${TOKEN}s3cret }
  - token: ${TOKEN}
    url: d
  - token: ${TOKEN}
      s3cret
";
        let lines = keys().masked(text);
        assert!(!lines.join("\n").contains("s3cret"), "{lines:#?}");
        for kept in [
            "  url: http://a",
            "  token: ${TOKEN}",
            "  token: \"${file:/run/token}\"",
            "  url: c",
            "  mytoken: shown",
            "  - { id: a, token: \"${TOKEN}\" }",
            "  - { token: \"${TOKEN}\", token: [redacted]",
            "    url: d",
        ] {
            assert!(lines.iter().any(|line| line == kept), "{kept}: {lines:#?}");
        }
        assert_eq!(lines.len(), text.lines().count());
    }
}
