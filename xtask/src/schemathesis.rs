//! `cargo xtask schemathesis`: requests that the OpenAPI document allows, and some that it does not, against a server
//! that runs on this machine. The tool is asked for by hand: it takes minutes, and it must be installed.

use std::path::Path;

use anyhow::{Result, bail};

use crate::console::say;
use crate::probe::{Folder, Server, free_port};
use crate::process::{self, program};
use crate::server;
use crate::workspace::Workspace;

/// The virtual environment of Python, below `target` of the root.
const VENV: &str = "target/openapi";

/// The key of the server's one caller. It is worth nothing: the server ends with this command.
const KEY: &str = "key-of-schemathesis-0123456789-0123456789";

/// How long the tool may try, in seconds.
const SECONDS: &str = "180";

/// What is not looked at: whether everything that fits the document is accepted. It cannot know which incidents, types
/// of action and cursors there are, nor that a key belongs to one request.
const CHECK_LEFT_OUT: &str = "positive_data_acceptance";

/// A request with too many of something may also be too large to be looked at: that is a refusal as well.
const SETTINGS: &str = "[checks]\nnegative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, \
                        415, 422, 429]\n";

/// Streams never end, and a server that restarts its own API answers nobody meanwhile.
const LEFT_OUT: &str = "^/(stream|ws)$|/restart$";

/// Starts a server with authentication on, and lets the tool loose on it.
///
/// # Errors
/// If the tool is not there, or finds something.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tool = workspace.root.join(VENV).join("bin/st");
    if !tool.is_file() {
        bail!(
            "no schemathesis: python3 -m venv {VENV} && {VENV}/bin/pip install schemathesis openapi-spec-validator"
        );
    }
    let binary = server::build(workspace)?;
    let folder = Folder::new(&workspace.target)?;
    let port = free_port()?;
    let config = folder.0.join("config.yaml");
    std::fs::write(&config, configuration(port))?;
    std::fs::write(folder.0.join("schemathesis.toml"), SETTINGS)?;
    let mut command = program(&folder.0, &binary);
    command.args(["run", "--config"]).arg(&config);
    let mut server = Server(command.spawn()?);
    server.wait_until_ready(port)?;
    say(&format!("trying for {SECONDS} s"));
    process::run(&mut trial(&folder.0, &tool, port))
}

fn configuration(port: u16) -> String {
    format!(
        "logging: {{level: error}}\nauth:\n  enabled: true\n  publicPaths: [/api/readyz]\n  jwtSecret: {KEY}\n  apiKeys:\n    \
         - {{label: schemathesis, key: {KEY}, role: admin, kind: human}}\n\
         modules:\n  ui.api: {{port: {port}, rateLimitPerMinute: 0}}\n  ui.websocket: {{port: 0}}\n"
    )
}

fn trial(folder: &Path, tool: &Path, port: u16) -> std::process::Command {
    let mut command = program(folder, tool);
    command
        .arg("run")
        .arg(format!("http://127.0.0.1:{port}/api/openapi.json"))
        .args(["--header", &format!("X-API-Key: {KEY}")])
        .args(["--exclude-path-regex", LEFT_OUT])
        .args(["--exclude-checks", CHECK_LEFT_OUT])
        .args(["--max-time", SECONDS, "--seed", "1", "--no-color"])
        .args(["--generation-database", "none", "--continue-on-failure"]);
    command
}
