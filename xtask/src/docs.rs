//! `cargo xtask docs`: the reference pages in docs/reference, written from what the server prints
//! about itself.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::console::say;
use crate::process::{self, program};
use crate::server;
use crate::skips::skip;
use crate::steps::refuse;
use crate::workspace::Workspace;

mod commands;
mod markdown;
mod pages;
mod schema;

/// The folder of the pages, relative to the root.
const FOLDER: &str = "docs/reference";

/// The virtual environment of Python with the validator of OpenAPI documents, below `target` of the root.
const VALIDATOR: &str = "openapi";

/// What to do with the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    /// Compare with what is there.
    Check,
}

impl Mode {
    /// Reads the words after `docs`.
    ///
    /// # Errors
    /// If they mean nothing.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self::Write),
            ["--check"] => Ok(Self::Check),
            _ => bail!(
                "`docs {}` means nothing; run `cargo xtask` for the list",
                words.join(" ")
            ),
        }
    }
}

/// Builds the server, asks it, and writes or compares the pages.
///
/// # Errors
/// If the server does not answer, or a page is stale.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<()> {
    let binary = server::build(workspace)?;
    let pages = render(&workspace.root, &binary)?;
    let folder = workspace.root.join(FOLDER);
    if mode == Mode::Check {
        refuse(
            &stale(&folder, &pages)?,
            "pages are stale: run `cargo xtask docs`",
        )?;
        return validate(workspace);
    }
    std::fs::create_dir_all(&folder)?;
    for name in stale(&folder, &pages)? {
        match pages.get(name.as_str()) {
            Some(text) => std::fs::write(folder.join(&name), text)?,
            None => std::fs::remove_file(folder.join(&name))?,
        }
        say(&format!("{FOLDER}/{name}"));
    }
    Ok(())
}

/// Each page by its file name.
type Pages = BTreeMap<&'static str, String>;

fn render(root: &Path, binary: &Path) -> Result<Pages> {
    let ask = |words: &str| -> Result<Value> {
        let mut command = program(root, binary);
        let answer = process::output(command.args(words.split_whitespace()))?;
        serde_json::from_str(&answer).with_context(|| format!("`{words}` printed no JSON"))
    };
    let help = commands::collect(root, binary)?;
    Ok(BTreeMap::from([
        ("README.md", pages::index()),
        ("modules.md", pages::modules(&ask("modules --json")?)),
        (
            "configuration.md",
            pages::configuration(&ask("schema config")?),
        ),
        ("variables.md", pages::variables(&ask("schema variables")?)),
        ("events.md", pages::events(&ask("schema events")?)),
        ("metrics.md", pages::metrics(&ask("schema metrics")?)),
        ("http-api.md", pages::routes(&ask("schema routes")?)),
        ("openapi.json", document(&ask("schema openapi")?)?),
        ("command-line.md", commands::page_of(&help)),
        ("exit-codes.md", commands::exit_codes(&help)),
    ]))
}

/// A page that is read by programs.
fn document(data: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(data)? + "\n")
}

/// Validates the OpenAPI document by the rules of its own standard.
///
/// # Errors
/// If it is wrong.
fn validate(workspace: &Workspace) -> Result<()> {
    let folder = Path::new("target").join(VALIDATOR);
    let validator = workspace
        .root
        .join(&folder)
        .join("bin/openapi-spec-validator");
    if !validator.is_file() {
        let folder = folder.display();
        skip(&format!(
            "the OpenAPI document was not validated: python3 -m venv {folder} && {folder}/bin/pip install \
             openapi-spec-validator"
        ));
        return Ok(());
    }
    process::run(program(&workspace.root, validator).arg(format!("{FOLDER}/openapi.json")))
}

/// Names of the files that differ from the pages, are missing, or are none of them.
fn stale(folder: &Path, pages: &Pages) -> Result<Vec<String>> {
    let is_fresh = |(name, text): &(&&str, &String)| {
        std::fs::read_to_string(folder.join(name)).is_ok_and(|there| there == **text)
    };
    let mut stale: Vec<String> = pages
        .iter()
        .filter(|page| !is_fresh(page))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !pages.contains_key(name.as_str()) {
                stale.push(name);
            }
        }
    }
    Ok(stale)
}
