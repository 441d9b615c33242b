//! The text of a configuration file as people may see it: every line, without what is secret.
//!
//! What is secret is found where YAML says that it is, not line by line: the text is read, each value of a secret key is
//! looked up, and everything from its first character up to the next key or value that may be shown is left out. So it
//! does not matter how a secret is written (a block, several lines, quotes, an anchor), and comments behind it go with it.
//! A text that cannot be read is not shown at all.

mod comments;
mod names;
mod places;
#[cfg(test)]
mod tests;

use super::modules::KnownModules;
use super::yaml;

use self::comments::Comments;
use self::names::SecretNames;
use self::places::Places;

/// What stands where a value is not shown.
const REDACTED: &str = "[redacted]";

/// A shorter secret is not looked for in other values and in comments: it would be found in words of every day.
const TELLING: usize = 6;

/// The lines of `text` as people may see them: no values of secret keys, and nothing of a module that is not known. A
/// value that only refers to a secret, `${NAME}` or `${file:/path}`, stays.
#[must_use]
pub fn masked(text: &str, known: &KnownModules) -> Vec<String> {
    let names = SecretNames::of(known);
    let places = if has_lone_return(text) {
        None
    } else {
        let source = yaml::Source::File("".into());
        let tree = yaml::parse(text, &source).ok();
        tree.and_then(|tree| Places::of(&tree, &names, known))
    };
    let Some(places) = places else {
        return text.lines().map(|line| hidden(line, 0)).collect();
    };
    let mut comments = Comments::new(&names);
    let lines = text.lines().zip(places.cuts(text));
    let lines = lines.map(|(line, cut)| match cut {
        Some(column) => hidden(line, column),
        None => comments.masked(line),
    });
    lines.map(|line| places.without_secrets(line)).collect()
}

/// For YAML such a return ends a line, for Rust it does not: lines would be taken for others.
fn has_lone_return(text: &str) -> bool {
    text.replace("\r\n", "\n").contains('\r')
}

/// `line` up to `column`, which counts characters; at least its indentation. An empty line stays one.
fn hidden(line: &str, column: usize) -> String {
    let blank = line.chars().take_while(|c| *c == ' ').count();
    if blank == line.chars().count() {
        return line.to_owned();
    }
    let kept: String = line.chars().take(column.max(blank)).collect();
    format!("{kept}{REDACTED}")
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
