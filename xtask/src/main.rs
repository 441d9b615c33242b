//! Every chore that is not `cargo build`: run `cargo xtask` for the list.
//!
//! One file per command. [`workspace`] reads what cargo knows, [`process`] starts programs,
//! [`console`] prints, [`steps`] names and times what a command does.

use std::process::ExitCode;

use anyhow::{Result, bail};

mod bench;
mod check;
mod console;
mod deny;
mod dist;
mod docs;
mod fuzz;
mod layers;
mod native;
mod probe;
mod process;
mod quick;
mod schemathesis;
mod server;
mod skips;
mod steps;
mod test;
mod tidy;
mod ui;
mod unused;
mod workspace;

use workspace::Workspace;

const HELP: &str = "\
cargo xtask COMMAND

  quick            format, lints and tests of the crates that differ from the last commit
  test             all tests and documentation examples
  check            everything CI checks, in the same order
  layers           imports between crates, homes of heavy dependencies, layers inside the core
  tidy             long files, unfinished work, switched-off tests, paths of one machine
  unused           dependencies that no source names
  deny             licences, banned crates and sources, as deny.toml says
  docs [--check]   write docs/reference from the server, or fail if it is stale
  ui [--check]     build the dashboard from ui/, or check it: types, logic, and that the bundle is not stale
  e2e              the dashboard against the real server in Chromium; screenshots in target/screenshots
  schemathesis [SECONDS]
                   requests by the OpenAPI document, right and wrong, against a server; needs Python, takes minutes
  bench [criterion | peers --harness DIR [-- ARGUMENTS]]
                   microbenchmarks, or a comparison by a harness outside this repository
  fuzz [TARGET] [--seconds N]
                   any bytes for the parsers of bytes from outside, 60 s each; needs the nightly toolchain
  dist [--symbols] release binary with checksum and licence list in dist/

Exit codes: 0 all is well, 1 something was found or failed.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((command, rest)) = words.split_first() else {
        console::say(HELP);
        return Ok(());
    };
    match (*command, rest) {
        ("help" | "-h" | "--help", _) => console::say(HELP),
        ("quick", []) => quick::run(&Workspace::load()?)?,
        ("test", []) => test::run(&Workspace::load()?)?,
        ("check", []) => check::run(&Workspace::load()?)?,
        ("layers", []) => layers::run(&Workspace::load()?)?,
        ("tidy", []) => tidy::run(&Workspace::load()?)?,
        ("unused", []) => unused::run(&Workspace::load()?)?,
        ("deny", []) => deny::run(&Workspace::load()?)?,
        ("docs", rest) => docs::run(&Workspace::load()?, docs::Mode::parse(rest)?)?,
        ("ui", rest) => ui::run(&Workspace::load()?, ui::Mode::parse(rest)?)?,
        ("e2e", []) => ui::end_to_end(&Workspace::load()?)?,
        ("schemathesis", []) => schemathesis::run(&Workspace::load()?, None)?,
        ("schemathesis", [seconds]) => schemathesis::run(&Workspace::load()?, Some(seconds))?,
        ("bench", rest) => bench::run(&Workspace::load()?, rest)?,
        ("fuzz", rest) => fuzz::run(&Workspace::load()?, &fuzz::Plan::parse(rest)?)?,
        ("dist", rest) => dist::run(&Workspace::load()?, dist::Symbols::parse(rest)?)?,
        _ => bail!("no such command: `{}`\n\n{HELP}", words.join(" ")),
    }
    Ok(())
}
