//! `cargo xtask check`: what CI runs, in the order in which a fault is cheapest to find.
//!
//! Every step that builds uses one profile and, where it can, the features of the whole workspace,
//! so that a dependency is compiled once for running, once for lints and once for documentation.

use anyhow::Result;

use crate::console::say;
use crate::process::{self, cargo};
use crate::steps::step;
use crate::workspace::{PROFILE, Package, Workspace};
use crate::{deny, docs, layers, native, probe, skips, test, tidy, ui, unused};

/// Runs every step; the first that fails ends the run.
///
/// # Errors
/// If a step fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    without_building(workspace)?;
    let root = workspace.root.as_path();
    let missing = native::missing(workspace);
    let features = native::all_but(&missing, &workspace.members);
    step(
        "lints",
        "mend each warning; an exception is #[expect(lint, reason = \"…\")]",
        || {
            let line = format!("clippy --workspace --all-targets {features} --profile {PROFILE}");
            process::run(&mut cargo(root, &format!("{line} -- -D warnings")))
        },
    )?;
    say("\nWhat follows is `cargo xtask test`.");
    test::run(workspace)?;
    step("documentation", "mend each warning of rustdoc", || {
        let line = format!("doc --workspace {features} --no-deps --profile {PROFILE}");
        process::run(cargo(root, &line).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    step(
        "each crate alone",
        "name the missing dependency or feature in that crate's manifest",
        || {
            let lines = workspace.members.iter();
            let mut lines = lines.flat_map(|package| alone(package, &missing));
            lines.try_for_each(|line| process::run(&mut cargo(root, &line)))
        },
    )?;
    step(
        "reference pages",
        "run `cargo xtask docs` and commit docs/reference",
        || docs::run(workspace, docs::Mode::Check),
    )?;
    step(
        "start, probe, stop",
        "start the server as shown and read its log",
        || probe::run(workspace),
    )?;
    skips::tell("Everything");
    Ok(())
}

fn without_building(workspace: &Workspace) -> Result<()> {
    let root = workspace.root.as_path();
    step("format", "run `cargo fmt`", || {
        process::run(&mut cargo(root, "fmt --all --check"))
    })?;
    step("tidy", "mend each line above", || tidy::run(workspace))?;
    step(
        "layers",
        "move what two crates need down to the core, or send an event",
        || layers::run(workspace),
    )?;
    step(
        "unused dependencies",
        "remove them from the manifest",
        || unused::run(workspace),
    )?;
    step(
        "supply",
        "choose another crate, or change deny.toml and say why",
        || deny::run(workspace),
    )?;
    step(
        "dashboard",
        "mend what is named above; run `cargo xtask ui` and commit what it writes",
        || ui::run(workspace, ui::Mode::Check),
    )
}

/// The commands that check one crate alone: as it is, and with each of its features that can be built here.
fn alone(package: &Package, missing: &[&str]) -> Vec<String> {
    let plain = format!("check --quiet --profile {PROFILE} -p {}", package.name);
    let mut lines = vec![plain.clone()];
    if package
        .features
        .get("default")
        .is_some_and(|on| !on.is_empty())
    {
        lines.push(format!("{plain} --no-default-features"));
    }
    let features = package.features.keys();
    let features = features.filter(|name| *name != "default" && !missing.contains(&name.as_str()));
    lines.extend(features.map(|name| format!("{plain} --no-default-features --features {name}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_checked_alone() {
        let features = [("default", vec!["zstd".to_owned()]), ("zstd", Vec::new())];
        let package = Package {
            name: "a".to_owned(),
            features: features.map(|(name, on)| (name.to_owned(), on)).into(),
            ..Package::default()
        };
        let expected = [
            "check --quiet --profile ci -p a",
            "check --quiet --profile ci -p a --no-default-features",
            "check --quiet --profile ci -p a --no-default-features --features zstd",
        ];
        assert_eq!(alone(&package, &[]), expected);
    }
}
