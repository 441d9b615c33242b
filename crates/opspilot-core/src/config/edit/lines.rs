//! The lines of a file, and which of them belong to an item of a list.

use crate::config::Origin;
use crate::config::diff::{DiffLine, compare};

/// Where an item stands. Lines count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// The line with the item's dash.
    dash_line: usize,
    /// How far the dash is from the margin.
    dash: usize,
    /// The line on which the item's content begins.
    first: usize,
    /// How far the content is from the margin.
    column: usize,
    /// The line after its last one.
    end: usize,
}

/// The lines of a text, some of which were replaced.
#[derive(Debug, Clone)]
pub(super) struct Lines<'t> {
    lines: Vec<&'t str>,
    /// From which line, up to which, and by what.
    change: Option<(usize, usize, Vec<String>)>,
}

/// The text of a rule without what surrounds it: no empty lines before it, one end of line after it.
pub(super) fn tidy(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let body = text
        .split_inclusive('\n')
        .skip_while(|line| line.trim().is_empty());
    let body: String = body.collect();
    format!("{}\n", body.trim_end())
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            lines: text.split_inclusive('\n').collect(),
            change: None,
        }
    }

    /// Where the item that begins at `origin` may stand: without comments behind it, and with them, which are content in a
    /// block of text. `None` if it is not an item of a list with dashes.
    pub(super) fn spans(&self, origin: &Origin) -> Option<[Span; 2]> {
        let (first, column) = place(origin)?;
        let before: String = self.lines.get(first)?.chars().take(column).collect();
        let (dash_line, dash) = match before.trim_start_matches(' ').strip_prefix('-') {
            Some(rest) if rest.trim_matches(' ').is_empty() => (first, indent(&before)),
            None if before.trim().is_empty() => self.dash_above(first)?,
            _ => return None,
        };
        let span = |end| Span {
            dash_line,
            dash,
            first,
            column,
            end,
        };
        let (content, all) = self.ends(first, dash);
        Some([span(content), span(all)])
    }

    /// A dash that stands alone on a line above the content.
    fn dash_above(&self, first: usize) -> Option<(usize, usize)> {
        let above = self.lines.get(..first)?.iter().enumerate().rev();
        let mut above = above.filter(|(_, line)| !is_empty(line) && !is_comment(line));
        let (at, line) = above.next()?;
        let rest = line.trim().strip_prefix('-')?;
        (rest.is_empty() || rest.trim_start().starts_with('#')).then(|| (at, indent(line)))
    }

    /// The ends of an item: after its last line that is no comment, and after its last line.
    fn ends(&self, first: usize, dash: usize) -> (usize, usize) {
        let mut ends = (first + 1, first + 1);
        for (at, line) in self.lines.iter().enumerate().skip(first + 1) {
            if is_empty(line) {
                continue;
            }
            let is_inside = indent(line) > dash;
            match (is_inside, is_comment(line)) {
                (true, true) => ends.1 = at + 1,
                (true, false) => ends = (at + 1, at + 1),
                (false, true) => {}
                (false, false) => break,
            }
        }
        ends
    }

    /// The line of a key that stands first on its line, and how far it is from the margin.
    pub(super) fn key(&self, origin: &Origin) -> Option<(usize, usize)> {
        let (line, column) = place(origin)?;
        (indent(self.lines.get(line)?) == column).then_some((line, column))
    }

    /// True if nothing but `text` stands on a line.
    pub(super) fn says(&self, line: usize, text: &str) -> bool {
        let found = self.lines.get(line);
        found.is_some_and(|found| found.trim() == text)
    }

    /// The line after the last one that belongs to the key at `line`.
    pub(super) fn end(&self, line: usize, column: usize) -> usize {
        self.ends(line, column).0
    }

    /// `text` stands, `column` from the margin, instead of the lines from `start` up to `end`.
    pub(super) fn put(mut self, (start, end): (usize, usize), column: usize, text: &str) -> Self {
        let new = self.indented(&" ".repeat(column), column, text, end);
        self.change = Some((start, end, new));
        self
    }

    /// The text of an item, from the left margin.
    pub(super) fn alone(&self, span: &Span) -> String {
        let lines = self.lines.get(span.first..span.end).unwrap_or_default();
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            let line = match at {
                0 => skip(line, span.column),
                _ => skip(line, span.column.min(indent(line))),
            };
            text.push_str(line.trim_end_matches(['\r', '\n']));
            text.push('\n');
        }
        text
    }

    /// The item's content is `text` instead.
    pub(super) fn replaced(mut self, span: &Span, text: &str) -> Self {
        let first = self.lines.get(span.first).copied().unwrap_or_default();
        let head: String = first.chars().take(span.column).collect();
        let new = self.indented(&head, span.column, text, span.end);
        self.change = Some((span.first, span.end, new));
        self
    }

    /// An item with the content `text` comes after the one at `span`.
    pub(super) fn added(mut self, span: &Span, text: &str) -> Self {
        let column = match span.dash_line == span.first {
            true => span.column,
            false => span.dash + 2,
        };
        let head = format!(
            "{}-{}",
            " ".repeat(span.dash),
            " ".repeat(column - span.dash - 1)
        );
        let new = self.indented(&head, column, text, span.end);
        self.change = Some((span.end, span.end, new));
        self
    }

    /// The item is not there.
    pub(super) fn removed(mut self, span: &Span) -> Self {
        self.change = Some((span.dash_line, span.end, Vec::new()));
        self
    }

    /// How the lines of the file end.
    fn eol(&self) -> &'static str {
        let first = self.lines.first();
        match first.is_some_and(|line| line.ends_with("\r\n")) {
            true => "\r\n",
            false => "\n",
        }
    }

    fn indented(&self, head: &str, column: usize, text: &str, end: usize) -> Vec<String> {
        let eol = self.eol();
        let indent = " ".repeat(column);
        let line = |(at, line): (usize, &str)| match (at, is_empty(line)) {
            (0, _) => format!("{head}{line}{eol}"),
            (_, true) => eol.to_owned(),
            (_, false) => format!("{indent}{line}{eol}"),
        };
        let mut new: Vec<String> = text.lines().enumerate().map(line).collect();
        let is_unended =
            end == self.lines.len() && self.lines.last().is_some_and(|line| !line.ends_with('\n'));
        if is_unended && let Some(last) = new.last_mut() {
            last.truncate(last.len() - eol.len());
        }
        new
    }

    /// The whole text.
    pub(super) fn text(&self) -> String {
        let Some((start, end, new)) = &self.change else {
            return self.lines.concat();
        };
        let before = self.lines.get(..*start).unwrap_or_default();
        let after = self.lines.get(*end..).unwrap_or_default();
        let mut text = before.concat();
        // An item that is added behind a last line without an end gives it one.
        if start == end && !text.is_empty() && !text.ends_with('\n') {
            text.push_str(self.eol());
        }
        text.push_str(&new.concat());
        text.push_str(&after.concat());
        text
    }

    /// What differs in the lines that were replaced, with what stays among them.
    pub(super) fn diff(&self) -> Vec<DiffLine> {
        let Some((start, end, new)) = &self.change else {
            return Vec::new();
        };
        let old = self.lines.get(*start..*end).unwrap_or_default();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        compare(*start, old, &new)
    }
}

/// Line and column, from 0.
fn place(origin: &Origin) -> Option<(usize, usize)> {
    let Origin::File { line, column, .. } = origin else {
        return None;
    };
    let from_0 = |count: u32| usize::try_from(count).ok()?.checked_sub(1);
    Some((from_0(*line)?, from_0(*column)?))
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

fn is_empty(line: &str) -> bool {
    line.trim().is_empty()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The line without its first `count` characters.
fn skip(line: &str, count: usize) -> &str {
    let at = line.char_indices().nth(count).map(|(at, _)| at);
    at.and_then(|at| line.get(at..)).unwrap_or_default()
}
