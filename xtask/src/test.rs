//! `cargo xtask test`: every test of the workspace.

use std::path::Path;

use anyhow::{Result, bail};

use crate::console::say;
use crate::process::{self, cargo, works};
use crate::skips::{self, SKIPPED};
use crate::steps::step;
use crate::workspace::{PROFILE, Workspace};

/// Where nextest writes what the tests printed (`.config/nextest.toml`).
const REPORT: &str = "target/nextest/ci/junit.xml";

/// Runs all tests, then the examples in the documentation.
///
/// # Errors
/// If a tool is missing, or a test fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root = workspace.root.as_path();
    need_compiler(root)?;
    let has_nextest = has_nextest(root);
    let skipped = step("tests", "read the failing test's output above", || {
        if has_nextest {
            with_nextest(root)
        } else {
            with_cargo(root)
        }
    })?;
    step(
        "documentation examples",
        "read the failing example's output above",
        || {
            let line = format!("test --doc --workspace --profile {PROFILE}");
            process::run(&mut cargo(root, &line))
        },
    )?;
    skipped.into_iter().for_each(skips::remember);
    skips::tell("All tests");
    Ok(())
}

/// The bundled SQLite is C.
fn need_compiler(root: &Path) -> Result<()> {
    if !works(root, "cc --version") {
        bail!(
            "no C compiler (`cc`): SQLite is built from C; on Debian `apt-get install build-essential`"
        );
    }
    Ok(())
}

/// Whether nextest is there, or could be installed.
pub(crate) fn has_nextest(root: &Path) -> bool {
    if works(root, "cargo nextest --version") {
        return true;
    }
    say("cargo-nextest is missing: installing it once (a few minutes)");
    let installed = process::run(&mut cargo(root, "install --locked cargo-nextest"));
    if installed.is_err() {
        say("cargo-nextest cannot be installed: running the tests with `cargo test`");
    }
    installed.is_ok()
}

fn with_nextest(root: &Path) -> Result<Vec<String>> {
    let report = root.join(REPORT);
    if report.exists() {
        std::fs::remove_file(&report)?;
    }
    let line = format!("nextest run --workspace --cargo-profile {PROFILE} --profile ci");
    process::run(&mut cargo(root, &line))?;
    Ok(skipped(&std::fs::read_to_string(&report)?))
}

fn with_cargo(root: &Path) -> Result<Vec<String>> {
    let line =
        format!("test --workspace --lib --bins --tests --profile {PROFILE} -- --show-output");
    let kept = process::run_and_keep(&mut cargo(root, &line), |line| line.contains(SKIPPED))?;
    Ok(skipped(&kept.join("\n")))
}

/// The lines that say a test was skipped.
fn skipped(output: &str) -> Vec<String> {
    let from = |line: &str| {
        line.find(SKIPPED)
            .and_then(|at| line.get(at..))
            .map(unescaped)
    };
    output.lines().filter_map(from).collect()
}

/// The text behind the entities of XML.
fn unescaped(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    entities
        .iter()
        .fold(text.to_owned(), |text, (entity, char)| {
            text.replace(entity, char)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_is_read_from_what_it_printed() {
        let report = "<system-out>running 1 test\nSKIPPED: no promtool\n</system-out>\n\
                      <system-err>SKIPPED: a &amp;&amp; b\n</system-err><testcase name=\"skips\">";
        assert_eq!(skipped(report), ["SKIPPED: no promtool", "SKIPPED: a && b"]);
    }
}
