//! `cargo xtask dist`: what is handed to users.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::console::say;
use crate::process::{self, cargo, program, works};
use crate::server;
use crate::workspace::{Workspace, list, text};

/// The platform of the binary.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Whether symbols for a debugger are kept in a file beside the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbols {
    Strip,
    /// Compiles everything anew, because line tables are asked for.
    Keep,
}

impl Symbols {
    /// Reads the words after `dist`.
    ///
    /// # Errors
    /// If they mean nothing.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self::Strip),
            ["--symbols"] => Ok(Self::Keep),
            _ => bail!(
                "`dist {}` means nothing; run `cargo xtask` for the list",
                words.join(" ")
            ),
        }
    }
}

/// Builds the binary for users and puts it into `dist/`, with a checksum and the licences.
///
/// # Errors
/// If a tool is missing or fails.
pub(crate) fn run(workspace: &Workspace, symbols: Symbols) -> Result<()> {
    if !cfg!(all(
        target_arch = "x86_64",
        target_os = "linux",
        target_env = "gnu"
    )) {
        bail!("run this on {PLATFORM}: nothing is built for another platform");
    }
    let root = workspace.root.as_path();
    let member = workspace
        .members
        .iter()
        .find(|member| member.name == server::NAME);
    let version = &member.context("the workspace has no server")?.version;
    let name = format!("{}-{version}-{PLATFORM}", server::NAME);
    let folder = root.join("dist");
    std::fs::create_dir_all(&folder)?;
    build(root, symbols)?;
    let built = workspace.target.join("dist").join(server::NAME);
    std::fs::copy(built, folder.join(&name))?;
    if symbols == Symbols::Keep {
        split_symbols(&folder, &name)?;
    }
    let line = process::output(program(&folder, "sha256sum").arg(&name))?;
    std::fs::write(folder.join(format!("{name}.sha256")), &line)?;
    std::fs::write(folder.join(format!("{name}.licences.txt")), licences(root)?)?;
    say(&format!("dist/{name}\n{}", line.trim()));
    Ok(())
}

fn build(root: &Path, symbols: Symbols) -> Result<()> {
    let line = format!("build --profile dist --locked -p {}", server::NAME);
    let mut command = cargo(root, &line);
    if symbols == Symbols::Keep {
        command.env("CARGO_PROFILE_DIST_STRIP", "none");
        command.env("CARGO_PROFILE_DIST_DEBUG", "line-tables-only");
    }
    process::run(&mut command)
}

fn split_symbols(folder: &Path, name: &str) -> Result<()> {
    if !works(folder, "objcopy --version") {
        bail!("`--symbols` needs objcopy; on Debian `apt-get install binutils`");
    }
    let debug = format!("{name}.debug");
    let steps = [
        vec!["--only-keep-debug", name, &debug],
        vec!["--strip-all", name],
        vec!["--add-gnu-debuglink", &debug, name],
    ];
    let mut steps = steps.iter();
    steps.try_for_each(|words| process::run(program(folder, "objcopy").args(words)))
}

/// Each crate in the binary with its licence, sorted by name.
fn licences(root: &Path) -> Result<String> {
    let line = format!("metadata --format-version 1 --locked --filter-platform {PLATFORM}");
    let data: Value = serde_json::from_str(&process::output(&mut cargo(root, &line))?)?;
    let shipped = shipped(&data);
    let mut lines = String::new();
    for package in list(&data, "packages") {
        if shipped.contains(&text(package, "id")) {
            let [name, version] = ["name", "version"].map(|key| text(package, key));
            let [licence, home] = ["license", "repository"].map(|key| text(package, key));
            writeln!(lines, "{name} {version}: {licence} {home}")?;
        }
    }
    Ok(lines)
}

/// Ids of the packages the server is made of: all it reaches except by `dev` and `build` edges.
fn shipped(data: &Value) -> BTreeSet<String> {
    let nodes = data
        .pointer("/resolve/nodes")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let is_server = |package: &&Value| text(package, "name") == server::NAME;
    let server = list(data, "packages")
        .iter()
        .find(is_server)
        .map(|package| text(package, "id"));
    let mut open: Vec<String> = server.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        let node = nodes.iter().find(|node| text(node, "id") == id);
        if found.insert(id) {
            let edges = node.map_or(&[][..], |node| list(node, "deps")).iter();
            open.extend(
                edges
                    .filter(|edge| is_linked(edge))
                    .map(|edge| text(edge, "pkg")),
            );
        }
    }
    found
}

fn is_linked(edge: &Value) -> bool {
    list(edge, "dep_kinds")
        .iter()
        .any(|kind| kind.get("kind").is_some_and(Value::is_null))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_linked_is_listed() {
        let edge = |to: &str, kind: Value| json!({"pkg": to, "dep_kinds": [{"kind": kind}]});
        let data = json!({
            "packages": [{"name": "opspilot-server", "id": "s"}, {"name": "xtask", "id": "x"}],
            "resolve": {"nodes": [
                {"id": "s", "deps": [edge("a", Value::Null), edge("t", json!("dev")), edge("b", json!("build"))]},
                {"id": "a", "deps": [edge("s", Value::Null), edge("c", Value::Null)]},
                {"id": "x", "deps": [edge("t", Value::Null)]},
            ]},
        });
        let expected: BTreeSet<String> = ["a", "c", "s"].map(str::to_owned).into();
        assert_eq!(shipped(&data), expected);
    }
}
