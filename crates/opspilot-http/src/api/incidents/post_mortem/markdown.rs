//! A document as Markdown (CommonMark 0.31). Whatever came from outside stands in code, where no mark, link, tag or
//! mention means anything; a fence or a run of backticks is always longer than any inside.

use std::fmt::Write as _;

use opspilot_core::error::escape;

use super::document::{Block, Document, Event};

/// `document` as Markdown.
pub(super) fn write(document: &Document) -> String {
    let (word, title) = &document.title;
    let mut text = format!("# {word}: {}\n", code(title));
    for block in &document.blocks {
        text.push('\n');
        add(&mut text, block);
    }
    text
}

/// Writing into a `String` cannot fail.
fn add(text: &mut String, block: &Block) {
    match block {
        Block::Chapter(name) => writeln!(text, "## {name}").ok(),
        Block::Section(name) => writeln!(text, "### {}", code(name)).ok(),
        Block::Sentence(sentence) => writeln!(text, "{sentence}").ok(),
        Block::Facts(facts) => facts
            .iter()
            .try_for_each(|(label, value)| writeln!(text, "- {label}: {}", code(value)))
            .ok(),
        Block::Events(events) => events.iter().try_for_each(|event| line(text, event)).ok(),
        Block::Quote(quoted) => fence(text, quoted).ok(),
    };
}

fn line(text: &mut String, event: &Event) -> std::fmt::Result {
    let (at, what, by) = (code(&event.at), code(&event.what), code(&event.by));
    write!(text, "- {at} {what} by {by}")?;
    for (label, value) in &event.more {
        write!(text, ", {label} {}", code(value))?;
    }
    writeln!(text)
}

/// `outside` as a code span (section 6.1): one line, with no character that drives a terminal.
fn code(outside: &str) -> String {
    let clean = escape(outside);
    if clean.is_empty() {
        return "` `".to_owned();
    }
    let ticks = "`".repeat(longest_run(&clean) + 1);
    let is_open = |edge: char| edge == '`' || edge == ' ';
    let needs_space = clean.starts_with(is_open) || clean.ends_with(is_open);
    let space = if needs_space { " " } else { "" };
    format!("{ticks}{space}{clean}{space}{ticks}")
}

/// `outside` as a fenced code block (section 4.5), line by line.
fn fence(text: &mut String, outside: &str) -> std::fmt::Result {
    let ticks = "`".repeat((longest_run(outside) + 1).max(3));
    writeln!(text, "{ticks}text")?;
    for line in outside.lines() {
        let parts: Vec<String> = line.split('\t').map(escape).collect();
        writeln!(text, "{}", parts.join("\t"))?;
    }
    writeln!(text, "{ticks}")
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn code_cannot_be_left_from_inside() {
        let rows = [
            ("plain", "`plain`"),
            ("a`b", "``a`b``"),
            ("``", "``` `` ```"),
            (" x", "`  x `"),
            ("two\nlines", "`two\\u{a}lines`"),
            ("", "` `"),
        ];
        for (outside, expected) in rows {
            assert_eq!(code(outside), expected, "{outside:?}");
        }
        let mut text = String::new();
        fence(&mut text, "a\n```\n# Approved\u{1b}[2J\r\n````\tb").unwrap();
        let expected = "`````text\na\n```\n# Approved\\u{1b}[2J\n````\tb\n`````\n";
        assert_eq!(text, expected);
    }

    proptest! {
        #[test]
        fn no_text_ends_its_code(outside in "[`a \n\r\t#<>\\[\\]]{0,40}") {
            let span = code(&outside);
            let ticks = span.len() - span.trim_start_matches('`').len();
            let inner = span.get(ticks..span.len() - ticks).unwrap();
            prop_assert!(longest_run(inner) < ticks && !inner.contains('\n'), "{}", span);
            let mut block = String::new();
            fence(&mut block, &outside).unwrap();
            let mark = block.lines().next().unwrap().trim_end_matches("text");
            let closes = |line: &&str| line.trim_matches(' ').starts_with(mark);
            prop_assert_eq!(block.lines().filter(closes).count(), 2, "{}", block);
        }
    }
}
