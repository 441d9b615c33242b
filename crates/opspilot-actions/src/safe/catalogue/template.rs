//! Texts with places for values.

use std::collections::BTreeSet;

use super::argument::Values;

/// A text in which `{name}` stands for a value. Every other brace is a brace.
///
/// Rendering is one pass: what a value holds is never looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(String),
}

impl Template {
    /// Reads a text.
    pub(crate) fn parse(text: &str) -> Self {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            plain.push_str(before);
            match behind
                .split_once('}')
                .filter(|(name, _)| is_placeholder(name))
            {
                Some((name, after)) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Value(name.to_owned()));
                    rest = after;
                }
                None => {
                    plain.push('{');
                    rest = behind;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Self(pieces)
    }

    /// The parameters whose values it needs.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(Piece::name).collect()
    }

    /// The text before the first value.
    pub(crate) fn prefix(&self) -> &str {
        match self.0.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// True if it holds no value.
    pub(crate) fn is_fixed(&self) -> bool {
        self.names().is_empty()
    }

    /// The parameter that is its whole text.
    pub(crate) fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Value(name)] => Some(name),
            _ => None,
        }
    }

    /// The text with its values, each changed by `escape`.
    pub(crate) fn render_with(&self, values: &Values, escape: fn(&str) -> String) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(name) => values
                .get(name)
                .map(|value| escape(value.as_str()))
                .unwrap_or_default(),
        });
        pieces.collect()
    }

    /// The text with its values.
    pub(crate) fn render(&self, values: &Values) -> String {
        self.render_with(values, str::to_owned)
    }
}

impl Piece {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Value(name) => Some(name),
        }
    }
}

/// True if `text` can stand between braces. A parameter's name has no dot, a field of an incident may.
fn is_placeholder(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty()) && is_name(&text.replace('.', "_"))
}

/// True if `text` can be the name of a parameter.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
