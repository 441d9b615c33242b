//! `cargo xtask bench`: microbenchmarks of the crates, and comparisons with other programs.
//!
//! Figures are ratios within one run, never limits on time, so a busy machine does not fail them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::console::say;
use crate::process::{self, cargo, program};
use crate::server;
use crate::workspace::Workspace;

/// Runs what the words after `bench` ask for; without words, the microbenchmarks.
///
/// # Errors
/// If a benchmark fails, or the words mean nothing.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    match words {
        [] | ["criterion"] => criterion(workspace),
        ["peers", "--harness", folder] => peers(workspace, Path::new(folder), &["batch"]),
        ["peers", "--harness", folder, "--", rest @ ..] => {
            peers(workspace, Path::new(folder), rest)
        }
        ["peers"] => bail!(
            "`peers` needs `--harness DIR`: a folder with `run.sh` and `templates/opspilot.yaml`, \
             which also sets up the programs to compare with; it is not part of this repository"
        ),
        _ => bail!(
            "`bench {}` means nothing; run `cargo xtask` for the list",
            words.join(" ")
        ),
    }
}

/// Every benchmark target of every crate.
fn criterion(workspace: &Workspace) -> Result<()> {
    let mut count = 0;
    for package in &workspace.members {
        for bench in &package.benches {
            let line = format!("bench -p {} --bench {bench}", package.name);
            process::run(&mut cargo(&workspace.root, &line))?;
            count += 1;
        }
    }
    say(&format!(
        "{count} benchmarks run; reports in target/criterion"
    ));
    Ok(())
}

/// The release server as one contestant of an outside harness, which prints the ratios.
fn peers(workspace: &Workspace, harness: &Path, arguments: &[&str]) -> Result<()> {
    let harness = std::path::absolute(harness)?;
    let script = existing(harness.join("run.sh"))?;
    let config = existing(harness.join("templates/opspilot.yaml"))?;
    let line = format!("build --release --locked -p {}", server::NAME);
    process::run(&mut cargo(&workspace.root, &line))?;
    let binary = workspace.target.join("release").join(server::NAME);
    let mut command = program(&harness, script);
    command
        .args(arguments)
        .arg("--opspilot")
        .arg(binary)
        .arg("--config")
        .arg(config);
    process::run(&mut command)
}

fn existing(path: PathBuf) -> Result<PathBuf> {
    if !path.is_file() {
        bail!("the harness has no `{}`", path.display());
    }
    Ok(path)
}
