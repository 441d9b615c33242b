//! Comments with secrets in them: a key that somebody commented out.

use super::names::SecretNames;
use super::{REDACTED, is_reference};

/// Goes through the lines of a text, which have no secrets but in comments.
#[derive(Debug)]
pub(super) struct Comments<'n> {
    names: &'n SecretNames,
    /// How far a secret key in a comment is from the margin: what stands deeper in the comments below belongs to it.
    below: Option<usize>,
}

impl<'n> Comments<'n> {
    pub(super) const fn new(names: &'n SecretNames) -> Self {
        Self { names, below: None }
    }

    /// `line`, the next one, without what a comment tells of a secret.
    pub(super) fn masked(&mut self, line: &str) -> String {
        let Some((code, comment)) = split(line) else {
            self.below = None;
            return line.to_owned();
        };
        if !code.trim().is_empty() {
            self.below = None;
            return format!("{code}{}", self.masked_words(comment));
        }
        let words = comment.trim_start_matches(['#', ' ', '-']);
        let column = line.chars().count() - words.chars().count();
        if words.is_empty() || self.below.is_some_and(|key| column > key) {
            let kept = comment.get(..comment.len() - words.len());
            let hidden = if words.is_empty() { "" } else { REDACTED };
            return format!("{code}{}{hidden}", kept.unwrap_or_default());
        }
        self.below = self.secret_at(comment).map(|_| column);
        format!("{code}{}", self.masked_words(comment))
    }

    fn masked_words(&self, text: &str) -> String {
        let Some((kept, value)) = self
            .secret_at(text)
            .and_then(|at| text.split_at_checked(at))
        else {
            return text.to_owned();
        };
        let bare = value.trim_start();
        if bare.is_empty() {
            return kept.to_owned();
        }
        let space = value.get(..value.len() - bare.len()).unwrap_or_default();
        match reference_end(bare).and_then(|end| bare.split_at_checked(end)) {
            Some((reference, rest)) => {
                format!("{kept}{space}{reference}{}", self.masked_words(rest))
            }
            None => format!("{kept} {REDACTED}"),
        }
    }

    /// Where the value of the first secret key of a text begins.
    fn secret_at(&self, text: &str) -> Option<usize> {
        let mut ends = text.match_indices(':').map(|(at, _)| at);
        let end = ends.find(|at| {
            let before = text.get(..*at).unwrap_or_default();
            let name = before.trim_end().trim_end_matches(['"', '\'']);
            let mut words = name.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            words.next().is_some_and(|name| self.names.has(name))
        });
        end.map(|at| at + 1)
    }
}

/// A line before and from the sign of a comment on. It may stand in a text in quotes, which does no harm.
fn split(line: &str) -> Option<(&str, &str)> {
    let mut signs = line.match_indices('#').map(|(at, _)| at);
    let at = signs.find(|at| {
        let before = line.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with([' ', '\t'])
    });
    line.split_at_checked(at?)
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
