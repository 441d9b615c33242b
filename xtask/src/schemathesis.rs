//! `cargo xtask schemathesis [SECONDS]`: requests that the OpenAPI document allows, and some that it does not, against a
//! server that runs on this machine. The tool is asked for by hand: it takes minutes, and it must be installed.
//!
//! The server has incidents, proposals, runs and all else before it begins ([`garden`]), so that operations are tried on
//! what there is, not only on ids that nobody has.

mod caller;
mod garden;
mod settings;

use std::path::Path;

use anyhow::{Result, bail};

use self::caller::Caller;
use crate::console::say;
use crate::probe::{Folder, Server, free_port};
use crate::process::{self, program};
use crate::server;
use crate::workspace::Workspace;

/// The virtual environment of Python, below `target` of the root.
const VENV: &str = "target/openapi";

/// What the server is started with.
const CONFIGURATION: &str = include_str!("schemathesis/config.yaml");

/// The keys of the server's two callers. They are worth nothing: the server ends with this command.
const KEY: &str = "key-of-schemathesis-0123456789-0123456789";
const OTHER_KEY: &str = "key-of-a-gardener-0123456789-0123456789";

/// How long the tool may try, in seconds, unless it is said.
const SECONDS: &str = "180";

/// Streams never end, and a server that restarts its own API answers nobody meanwhile.
const LEFT_OUT: &str = "^/(stream|ws)$|/restart$";

/// Starts a server with authentication on and much in it, and lets the tool loose on it.
///
/// # Errors
/// If the tool is not there, or finds something.
pub(crate) fn run(workspace: &Workspace, seconds: Option<&str>) -> Result<()> {
    let tool = workspace.root.join(VENV).join("bin/st");
    if !tool.is_file() {
        bail!(
            "no schemathesis: python3 -m venv {VENV} && {VENV}/bin/pip install schemathesis openapi-spec-validator"
        );
    }
    let seconds = seconds.unwrap_or(SECONDS);
    let binary = server::build(workspace)?;
    let folder = Folder::new(&workspace.target)?;
    let port = free_port()?;
    let config = folder.0.join("config.yaml");
    std::fs::write(&config, configuration(&folder.0, port))?;
    garden::prepare(&folder.0)?;
    let mut command = program(&folder.0, &binary);
    command.args(["run", "--config"]).arg(&config);
    let mut server = Server(command.spawn()?);
    server.wait_until_ready(port)?;
    let [caller, gardener] = [KEY, OTHER_KEY].map(|key| Caller { port, key });
    let planted = garden::plant(&caller, &gardener)?;
    settings::write(&folder.0, &planted)?;
    say(&format!("trying for {seconds} s"));
    process::run(&mut trial(&folder.0, &tool, (port, seconds)))
}

fn configuration(folder: &Path, port: u16) -> String {
    CONFIGURATION
        .replace("FOLDER", &folder.display().to_string())
        .replace("PORT", &port.to_string())
        .replace("OTHER", OTHER_KEY)
        .replace("\"KEY\"", &format!("\"{KEY}\""))
}

fn trial(folder: &Path, tool: &Path, (port, seconds): (u16, &str)) -> std::process::Command {
    let mut command = program(folder, tool);
    command
        .arg("run")
        .arg(format!("http://127.0.0.1:{port}/api/openapi.json"))
        .args(["--header", &format!("X-API-Key: {KEY}")])
        .args(["--exclude-path-regex", LEFT_OUT])
        .args(["--max-time", seconds, "--seed", "1", "--no-color"])
        .args(["--generation-with-security-parameters", "false"])
        .args(["--suppress-health-check", "filter_too_much"])
        .args(["--output-sanitize", "false"])
        .args(["--generation-database", "none", "--continue-on-failure"]);
    command
}
