//! `cargo xtask fuzz`: any bytes for the parsers of bytes from outside, with the fuzzer of LLVM.
//!
//! The flags are those of cargo-fuzz without a sanitizer: the code is safe Rust, and what it must not do panics.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::console::say;
use crate::process::{self, program, works};
use crate::steps::step;
use crate::workspace::Workspace;

/// The workspace of the fuzzer, relative to the root.
const FOLDER: &str = "fuzz";

const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The longest input, in bytes, and how long one may take, in seconds.
const LONGEST: u32 = 4096;
const PATIENCE: u32 = 10;

/// What to try, and for how long each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    target: Option<String>,
    seconds: u32,
}

impl Plan {
    /// Reads the words after `fuzz`.
    ///
    /// # Errors
    /// If they mean nothing.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let (target, rest) = match words {
            [target, rest @ ..] if !target.starts_with('-') => (Some((*target).to_owned()), rest),
            rest => (None, rest),
        };
        let seconds = match rest {
            [] => Some(60),
            ["--seconds", seconds] => seconds.parse().ok().filter(|seconds| *seconds > 0),
            _ => None,
        };
        match seconds {
            Some(seconds) => Ok(Self { target, seconds }),
            None => bail!(
                "`fuzz {}` means nothing: write `fuzz [TARGET] [--seconds N]`",
                words.join(" ")
            ),
        }
    }
}

/// Builds the fuzzer, and tries one target or all of them.
///
/// # Errors
/// If the nightly toolchain is missing, or something was found: the input is kept and its place printed.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Result<()> {
    let folder = workspace.root.join(FOLDER);
    if !works(&folder, "cargo +nightly --version") {
        bail!("fuzzing needs the nightly toolchain: `rustup toolchain install nightly`");
    }
    let fuzzer = build(workspace, &folder)?;
    let listed = process::output(&mut program(&folder, &fuzzer))?;
    let mut targets: Vec<&str> = listed.lines().collect();
    if let Some(wanted) = &plan.target {
        targets.retain(|target| target == wanted);
        if targets.is_empty() {
            bail!("there is no target `{wanted}`; the targets are:\n{listed}");
        }
    }
    let place = workspace.target.join("fuzz");
    for target in targets {
        let advice = "mend it, and make the input a row of a test or a seed of the target";
        step(target, advice, || {
            attempt(&fuzzer, &place.join(target), target, plan.seconds)
        })?;
    }
    Ok(())
}

/// With the dependencies that the product is locked to.
fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let lock = "Cargo.lock";
    std::fs::copy(workspace.root.join(lock), folder.join(lock))
        .context("cannot copy Cargo.lock")?;
    let host =
        process::output(program(folder, "rustc").args(["+nightly", "--print", "host-tuple"]))?;
    let (host, target) = (host.trim(), workspace.target.join("fuzz/build"));
    let mut command = program(folder, "cargo");
    command
        .args(["+nightly", "build", "--release", "--target", host])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", FLAGS);
    process::run(&mut command)?;
    Ok(target.join(host).join("release/any"))
}

/// Runs the fuzzer on one target. Inputs that reach something new are kept, and are where the next run begins.
fn attempt(fuzzer: &Path, place: &Path, target: &str, seconds: u32) -> Result<()> {
    let corpus = place.join("corpus");
    std::fs::create_dir_all(&corpus)?;
    say(&format!("inputs are kept in {}", place.display()));
    let mut command = program(place, fuzzer);
    command
        .arg("corpus")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-timeout={PATIENCE}"))
        .arg("-print_final_stats=1")
        .env("OPSPILOT_FUZZ_TARGET", target)
        .env("OPSPILOT_FUZZ_SEEDS", &corpus);
    process::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_a_time_may_be_given() {
        let plan = |words: &[&str]| {
            Plan::parse(words)
                .ok()
                .map(|plan| (plan.target, plan.seconds))
        };
        assert_eq!(plan(&[]), Some((None, 60)));
        assert_eq!(plan(&["--seconds", "5"]), Some((None, 5)));
        assert_eq!(
            plan(&["jwt", "--seconds", "5"]),
            Some((Some("jwt".to_owned()), 5))
        );
        for words in [
            &["jwt", "5"][..],
            &["--seconds"],
            &["--seconds", "0"],
            &["--seconds", "x"],
        ] {
            assert_eq!(plan(words), None, "{words:?}");
        }
    }
}
