//! `cargo xtask ui`: the dashboard, built from `ui/` into the crate that serves it. `cargo xtask e2e`: in a browser.
//!
//! The bundle is committed, so that nobody needs Node.js to build the server; it is built again here and compared.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{self, program, works};
use crate::server;
use crate::skips::{self, SKIPPED, skip};
use crate::steps::refuse;
use crate::workspace::Workspace;

/// Where the sources are, relative to the root.
const SOURCES: &str = "ui";

/// The crate that embeds the bundle.
const CRATE: &str = "crates/opspilot-http";

/// What of it is built, relative to the crate.
const TABLE: &str = "src/dashboard/bundle.rs";
const ASSETS: &str = "assets";

/// The package that makes the types of what the API sends, its script, and what that writes; relative to the sources.
const SCHEMA: &str = "schema";
const MAKE_TYPES: &str = "schema/make.mjs";
const TYPES: &str = "src/schema.d.ts";

/// What to do with the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    /// Compare with what is there.
    Check,
}

impl Mode {
    /// Reads the words after `ui`.
    ///
    /// # Errors
    /// If they mean nothing.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self::Write),
            ["--check"] => Ok(Self::Check),
            _ => bail!(
                "`ui {}` means nothing; run `cargo xtask` for the list",
                words.join(" ")
            ),
        }
    }
}

/// Builds the bundle, or checks types, logic and that the bundle is the one that the sources make.
///
/// # Errors
/// If the sources do not build, a test fails, the bundle is too large, or it is stale.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<()> {
    let folder = workspace.root.join(SOURCES);
    if !has_npm(&folder) {
        if mode == Mode::Check {
            skip("the dashboard's bundle was not built again: install Node.js 20 and npm");
            return Ok(());
        }
        bail!("no npm: install Node.js 20 and npm");
    }
    install(&folder)?;
    install(&folder.join(SCHEMA))?;
    if mode == Mode::Write {
        process::run(program(&folder, "node").arg(MAKE_TYPES))?;
        return process::run(program(&folder, "node").arg("build.mjs"));
    }
    let types = workspace.target.join("ui-schema.d.ts");
    process::run(program(&folder, "node").arg(MAKE_TYPES).arg(&types))?;
    let is_fresh = std::fs::read(folder.join(TYPES)).ok() == std::fs::read(&types).ok();
    let stale = (!is_fresh).then(|| format!("{SOURCES}/{TYPES}"));
    refuse(
        &stale.into_iter().collect::<Vec<_>>(),
        "types are not those of docs/reference/openapi.json: run `cargo xtask ui`",
    )?;
    process::run(program(&folder, "npm").args(["run", "--silent", "types"]))?;
    process::run(program(&folder, "npm").args(["run", "--silent", "test"]))?;
    let built = workspace.target.join("ui");
    process::run(program(&folder, "node").arg("build.mjs").arg(&built))?;
    let faults = differences(&workspace.root.join(CRATE), &built)?;
    refuse(
        &faults,
        "files are not what the sources make: run `cargo xtask ui`",
    )
}

/// Runs the dashboard against the real server in a real browser.
///
/// # Errors
/// If it does not do what it should.
pub(crate) fn end_to_end(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join(SOURCES);
    if !has_npm(&folder) {
        skip("the dashboard in a browser: install Node.js 20 and npm");
        return Ok(());
    }
    install(&folder)?;
    let binary = server::build(workspace)?;
    let mut command = program(&folder, "node");
    command
        .arg("e2e/main.mjs")
        .env("OPSPILOT_SERVER", binary)
        .env("SCREENSHOTS", workspace.target.join("screenshots"));
    let skipped = process::run_and_keep(&mut command, |line| line.starts_with(SKIPPED))?;
    skipped.into_iter().for_each(skips::remember);
    skips::tell("What ran in the browser");
    Ok(())
}

fn has_npm(folder: &Path) -> bool {
    works(folder, "node --version") && works(folder, "npm --version")
}

/// Installs what the lock file names, unless that was done before.
fn install(folder: &Path) -> Result<()> {
    let age = |name: &str| {
        let told = std::fs::metadata(folder.join(name));
        told.and_then(|told| told.modified()).ok()
    };
    let (done, wanted) = (
        age("node_modules/.package-lock.json"),
        age("package-lock.json"),
    );
    if done.is_some() && done >= wanted {
        return Ok(());
    }
    process::run(program(folder, "npm").args(["ci", "--ignore-scripts"]))
}

/// What the committed files and the built ones do not share.
fn differences(committed: &Path, built: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let names = |folder: &Path| -> Result<Vec<PathBuf>> {
        let listed = std::fs::read_dir(folder.join(ASSETS))
            .with_context(|| format!("cannot list {}", folder.join(ASSETS).display()))?;
        let mut found = vec![PathBuf::from(TABLE)];
        for entry in listed {
            found.push(Path::new(ASSETS).join(entry?.file_name()));
        }
        Ok(found)
    };
    let mut all = names(committed)?;
    all.extend(names(built)?);
    all.sort();
    all.dedup();
    for name in all {
        let (old, new) = (
            std::fs::read(committed.join(&name)).ok(),
            std::fs::read(built.join(&name)).ok(),
        );
        if old != new {
            faults.push(format!("{CRATE}/{}", name.display()));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_differs_is_named() {
        let place = std::env::temp_dir().join(format!("opspilot-xtask-ui-{}", std::process::id()));
        let (old, new) = (place.join("old"), place.join("new"));
        for folder in [&old, &new] {
            std::fs::create_dir_all(folder.join(ASSETS)).unwrap();
            std::fs::create_dir_all(folder.join(TABLE).parent().unwrap()).unwrap();
            std::fs::write(folder.join(TABLE), "table").unwrap();
            std::fs::write(folder.join(ASSETS).join("same"), "same").unwrap();
        }
        assert!(differences(&old, &new).unwrap().is_empty());
        std::fs::write(old.join(ASSETS).join("gone"), "x").unwrap();
        std::fs::write(new.join(ASSETS).join("new"), "x").unwrap();
        std::fs::write(new.join(TABLE), "another").unwrap();
        let faults = differences(&old, &new).unwrap();
        std::fs::remove_dir_all(&place).unwrap();
        let expected = ["assets/gone", "assets/new", "src/dashboard/bundle.rs"];
        assert_eq!(
            faults,
            expected.map(|name| format!("crates/opspilot-http/{name}"))
        );
    }
}
