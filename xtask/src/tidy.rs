//! `cargo xtask tidy`: what no compiler looks at.

use std::path::Path;

use anyhow::Result;

use crate::steps::refuse;
use crate::workspace::{Workspace, files};

/// Lines of a source file without its tests; more is two ideas in one file.
const MAX_LINES: usize = 400;

/// What may not stand in a source file, and why. The words are cut in two so that this file passes.
const IN_SOURCES: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "unfinished work"),
    (concat!("FIX", "ME"), "unfinished work"),
    (concat!("todo", "!("), "unfinished work"),
    (concat!("unimplemented", "!("), "unfinished work"),
    (concat!("#[ig", "nore"), "a test that does not run"),
    (
        concat!("#[should_", "panic"),
        "assert on the returned error",
    ),
    (
        concat!("#[al", "low("),
        "use #[expect(lint, reason = \"…\")]",
    ),
    (
        concat!("#![al", "low("),
        "use #![expect(lint, reason = \"…\")]",
    ),
];

/// What may stand in no text at all; compared in lower case.
const ANYWHERE: &[(&str, &str)] = &[
    (
        concat!("co-authored", "-by"),
        "the text speaks of the project only",
    ),
    (
        concat!("ai-gen", "erated"),
        "the text speaks of the project only",
    ),
    (
        concat!("as an ", "ai "),
        "the text speaks of the project only",
    ),
    (concat!("<<<<", "<<< "), "an unsolved merge"),
    (concat!(">>>>", ">>> "), "an unsolved merge"),
];

/// Reads every text file that git tracks or would track.
///
/// # Errors
/// If something is found; all of it is printed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let places = machine_paths(&workspace.root, std::env::home_dir().as_deref());
    let mut faults = Vec::new();
    for file in files(&workspace.root, ".")? {
        // What is not UTF-8 is not text.
        if let Ok(text) = std::fs::read_to_string(workspace.root.join(&file)) {
            faults.extend(in_file(&file, &text, &places));
        }
    }
    refuse(&faults, "things to tidy")
}

/// Folders that exist on this machine only: where the checkout and the user's own files are.
fn machine_paths(root: &Path, home: Option<&Path>) -> Vec<String> {
    let folders = [Some(root), home].into_iter().flatten();
    folders
        .filter(|folder| folder.components().count() > 1)
        .map(|folder| folder.to_string_lossy().into_owned())
        .collect()
}

fn in_file(file: &str, text: &str, places: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    let is_source = file.ends_with(".rs");
    if is_source && file.ends_with("/mod.rs") {
        faults.push(format!(
            "{file}: name it after its folder, beside the folder"
        ));
    }
    let length = lines_without_tests(text);
    if is_source && !is_test(file) && length > MAX_LINES {
        faults.push(format!(
            "{file}: {length} lines without tests, more than {MAX_LINES}: split it by idea"
        ));
    }
    for (number, line) in text.lines().enumerate() {
        let reason = fault_in(line, is_source, places);
        faults.extend(reason.map(|reason| format!("{file}:{}: {reason}", number + 1)));
    }
    faults
}

fn fault_in(line: &str, is_source: bool, places: &[String]) -> Option<String> {
    let lower = line.to_lowercase();
    let said = |(word, reason): &(&str, &str)| format!("`{word}`: {reason}");
    let in_sources = IN_SOURCES
        .iter()
        .find(|(word, _)| is_source && line.contains(word));
    let anywhere = ANYWHERE.iter().find(|(word, _)| lower.contains(word));
    let place = places.iter().find(|place| holds_path(line, place));
    in_sources
        .or(anywhere)
        .map(said)
        .or_else(|| place.map(|_| "a path of one machine".to_owned()))
}

/// Whether `line` names `place` or something below it, and not just a longer path that ends so.
fn holds_path(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let (before, after) = line.split_at(at);
        let after = after.strip_prefix(place).unwrap_or(after);
        !before.ends_with(|c: char| c.is_alphanumeric() || "._-}".contains(c))
            && after.starts_with('/')
    })
}

fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs") || file.contains("/benches/")
}

fn lines_without_tests(text: &str) -> usize {
    let tests = text.find("\n#[cfg(test)]\nmod tests {");
    text.get(..tests.unwrap_or(text.len()))
        .map_or(0, |code| code.lines().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, text: &str, expected: usize) {
        let places = machine_paths(Path::new("/place/of/checkout"), Some(Path::new("/")));
        let faults = in_file(file, text, &places);
        assert_eq!(faults.len(), expected, "{file}: {faults:?}");
    }

    #[test]
    fn each_kind_of_fault_is_found() {
        check("crates/a/src/a/mod.rs", "", 1);
        check("crates/a/src/a.rs", &"\n".repeat(MAX_LINES + 1), 1);
        check(
            "crates/a/src/a.rs",
            concat!("// TO", "DO later\n#[ig", "nore]\nfn f() {}"),
            2,
        );
        check("crates/a/src/a.rs", concat!("#[al", "low(dead_code)]"), 1);
        check("README.md", concat!("Co-authored", "-by: someone"), 1);
        check("README.md", "open /place/of/checkout/target", 1);
    }

    #[test]
    fn what_is_in_order_passes() {
        check("crates/a/src/a.rs", &"\n".repeat(MAX_LINES), 0);
        let tests = format!(
            "fn f() {{}}\n#[cfg(test)]\nmod tests {{{}}}",
            "\n".repeat(600)
        );
        check("crates/a/src/a.rs", &tests, 0);
        check("crates/a/src/a/tests.rs", &"\n".repeat(600), 0);
        check(
            "README.md",
            "see /srv/place/of/checkout/x and /etc/passwd",
            0,
        );
        check(
            "README.md",
            "https://example.org and /place/of/checkouts",
            0,
        );
    }
}
