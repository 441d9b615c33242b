//! Showing errors.

use std::error::Error;

/// The whole chain of `error` on one line, for the edge where the error stops.
///
/// Control characters are escaped, so text from outside cannot forge log lines or drive a terminal.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    escape(&text)
}

/// `text` with control and bidirectional characters escaped as `\u{…}`.
#[must_use]
pub fn escape(text: &str) -> String {
    let is_hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_hostile) {
        return text.to_owned();
    }
    text.chars()
        .fold(String::with_capacity(text.len() + 16), |mut out, c| {
            if is_hostile(c) {
                out.extend(c.escape_unicode());
            } else {
                out.push(c);
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn chain_names_every_cause_once_and_escapes() {
        let error = Outer(std::io::Error::other("inner\u{1b}[2J\u{202e}"));
        assert_eq!(chain(&error), "outer: inner\\u{1b}[2J\\u{202e}");
    }
}
