//! `cargo xtask quick`: the inner loop, for the crates that differ from the last commit.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::console::say;
use crate::process::{self, cargo, output, program, works};
use crate::steps::step;
use crate::workspace::{Package, Workspace};

/// Checks format, lints and tests of the changed crates, in the profile `dev`.
///
/// # Errors
/// If a step fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root = workspace.root.as_path();
    let (chosen, all) = match changed(&workspace.members, &changed_files(workspace)?) {
        Changed::Nothing => {
            say("No crate differs from the last commit.");
            return Ok(());
        }
        Changed::Everything => ("--workspace".to_owned(), "--all".to_owned()),
        Changed::Some(names) => {
            let chosen: String = names.iter().map(|name| format!("-p {name} ")).collect();
            (chosen.clone(), chosen)
        }
    };
    step("format", "run `cargo fmt`", || {
        process::run(&mut cargo(root, &format!("fmt {all} --check")))
    })?;
    step("lints", "mend each warning above", || {
        process::run(&mut cargo(
            root,
            &format!("clippy {chosen} --all-targets -- -D warnings"),
        ))
    })?;
    step("tests", "read the failing test's output above", || {
        let tool = if works(root, "cargo nextest --version") {
            "nextest run --no-tests=pass"
        } else {
            "test"
        };
        process::run(&mut cargo(root, &format!("{tool} {chosen}")))
    })
}

fn changed_files(workspace: &Workspace) -> Result<Vec<String>> {
    let git = |line: &str| {
        let mut command = program(&workspace.root, "git");
        output(command.args(line.split_whitespace()))
    };
    let mut files = git("diff --name-only HEAD")?;
    files.push_str(&git("ls-files --others --exclude-standard")?);
    Ok(files.lines().map(str::to_owned).collect())
}

#[derive(Debug, PartialEq, Eq)]
enum Changed {
    Nothing,
    Some(BTreeSet<String>),
    /// A file that every crate is built with.
    Everything,
}

fn changed(members: &[Package], files: &[String]) -> Changed {
    let shared = [
        "Cargo.toml",
        "Cargo.lock",
        ".clippy.toml",
        "rust-toolchain.toml",
    ];
    if files.iter().any(|file| shared.contains(&file.as_str())) {
        return Changed::Everything;
    }
    let is_in = |file: &str, package: &Package| {
        file.strip_prefix(&package.folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let touched = members
        .iter()
        .filter(|package| files.iter().any(|file| is_in(file, package)));
    let names: BTreeSet<String> = touched.map(|package| package.name.clone()).collect();
    if names.is_empty() {
        Changed::Nothing
    } else {
        Changed::Some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], expected: &Changed) {
        let package = |folder: &str| Package {
            name: folder.rsplit('/').next().unwrap_or_default().to_owned(),
            folder: folder.to_owned(),
            ..Package::default()
        };
        let members = [
            package("crates/core"),
            package("crates/core-more"),
            package("xtask"),
        ];
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        assert_eq!(changed(&members, &files), *expected, "{files:?}");
    }

    #[test]
    fn files_lead_to_their_crates() {
        let some =
            |names: &[&str]| Changed::Some(names.iter().map(|name| (*name).to_owned()).collect());
        check(&["README.md"], &Changed::Nothing);
        check(&["crates/core-more/src/lib.rs"], &some(&["core-more"]));
        check(
            &["crates/core/src/a.rs", "xtask/Cargo.toml"],
            &some(&["core", "xtask"]),
        );
        check(&["xtask/src/a.rs", "Cargo.lock"], &Changed::Everything);
    }
}
