//! Starts programs. The only file that does.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::console;

/// A command that runs `name` in `folder`.
#[expect(
    clippy::disallowed_methods,
    reason = "a chore is a row of programs that are started"
)]
pub(crate) fn program(folder: &Path, name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder);
    command
}

/// A cargo command with the arguments that `line` holds between spaces.
pub(crate) fn cargo(folder: &Path, line: &str) -> Command {
    let mut command = program(folder, "cargo");
    command.args(line.split_whitespace());
    command
}

/// Shows a command, and runs it with its output shown too.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    console::say(&format!("$ {}", shown(command)));
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs a command and returns what it wrote to standard output.
///
/// # Errors
/// If it cannot be started, does not succeed, or writes what is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` failed ({}): {}",
            shown(command),
            output.status,
            said.trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` did not write UTF-8", shown(command)))
}

/// Like [`run`], and returns the lines of standard output that `keep` picks.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub(crate) fn run_and_keep(command: &mut Command, keep: fn(&str) -> bool) -> Result<Vec<String>> {
    console::say(&format!("$ {}", shown(command)));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    let mut kept = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            console::say(&line);
            if keep(&line) {
                kept.push(line);
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(kept)
}

/// Whether a program can be started and succeeds with the given arguments.
pub(crate) fn works(folder: &Path, line: &str) -> bool {
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else {
        return false;
    };
    let mut command = program(folder, name);
    command
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Waits before the next look at something that another program does.
#[expect(
    clippy::disallowed_methods,
    reason = "the chores have no runtime whose clock could be paused"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}
