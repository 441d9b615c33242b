//! Pieces of Markdown.

/// The line every generated page begins with.
const NOTICE: &str = "<!-- Written by `cargo xtask docs`; edits are lost. -->";

/// A page with a title and one paragraph on what it lists.
pub(super) fn page(title: &str, about: &str, body: &str) -> String {
    let text = format!("{NOTICE}\n\n# {title}\n\n{about}\n\n{}", body.trim());
    format!("{}\n", text.trim_end())
}

/// A table; nothing at all if there are no rows.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut lines = vec![format!("| {} |", head.join(" | "))];
    lines.push(format!("|{}", " --- |".repeat(N)));
    lines.extend(
        rows.iter()
            .map(|row| format!("| {} |", row.each_ref().map(|text| cell(text)).join(" | "))),
    );
    lines.join("\n") + "\n"
}

/// Text on one line that does not end the cell it stands in.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// Text as code; nothing if it is empty.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("`{text}`")
    }
}

/// A list of names as code; a dash if it is empty.
pub(super) fn codes(names: &[String]) -> String {
    if names.is_empty() {
        return "–".to_owned();
    }
    names
        .iter()
        .map(|name| code(name))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Output of a program.
pub(super) fn block(text: &str) -> String {
    format!("```text\n{}\n```\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_on_one_line_and_in_their_column() {
        let rows = [["`a|b`".to_owned(), "two\n lines".to_owned()]];
        assert_eq!(
            table(["A", "B"], &rows),
            "| A | B |\n| --- | --- |\n| `a\\|b` | two lines |\n"
        );
        assert_eq!(table::<1>(["A"], &[]), "");
    }
}
