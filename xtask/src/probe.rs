//! Starts the server as a user would, asks whether it is ready, and stops it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::console::say;
use crate::process::{self, pause, program};
use crate::server;
use crate::workspace::Workspace;

/// The variable that sets the port of the API.
const PORT_VARIABLE: &str = "OPSPILOT_MODULES_UI_API_PORT";

/// The port of the other listener, which nobody asks: any free one.
const OTHER_PORT_VARIABLE: &str = "OPSPILOT_MODULES_UI_WEBSOCKET_PORT";

/// Longest wait for the server to be ready, and then to be gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the server with `config/default.yaml` in an empty folder on a free port.
///
/// # Errors
/// If it does not get ready, or does not leave with exit code 0 after SIGTERM.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let binary = server::build(workspace)?;
    let folder = Folder::new(&workspace.target)?;
    let port = free_port()?;
    let config = workspace.root.join("config/default.yaml");
    let mut command = program(&folder.0, &binary);
    command
        .args(["run", "--config"])
        .arg(&config)
        .env(PORT_VARIABLE, port.to_string())
        .env(OTHER_PORT_VARIABLE, "0");
    say(&format!(
        "{PORT_VARIABLE}={port} {} run --config {}",
        binary.display(),
        config.display()
    ));
    let start = Instant::now();
    let mut server = Server(command.spawn().context("cannot start the server")?);
    server.wait_until_ready(port)?;
    say(&format!("ready after {} ms", start.elapsed().as_millis()));
    process::run(
        program(&folder.0, "kill")
            .arg("-TERM")
            .arg(server.0.id().to_string()),
    )?;
    let status = server.wait_until_gone()?;
    if status.code() != Some(0) {
        bail!("the server left with {status} after SIGTERM, not with exit code 0");
    }
    Ok(())
}

/// A port nobody uses at the moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// A running server, killed when it is dropped.
pub(crate) struct Server(pub(crate) Child);

impl Server {
    /// Waits until it says that it can work.
    ///
    /// # Errors
    /// If it does not in time.
    pub(crate) fn wait_until_ready(&mut self, port: u16) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut answer = String::new();
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                bail!("the server left with {status} before it was ready");
            }
            answer = ask(port).unwrap_or_else(|error| error.to_string());
            if answer.starts_with("HTTP/1.1 200") {
                return Ok(());
            }
            pause(Duration::from_millis(20));
        }
        bail!(
            "not ready after {} s; its last answer: {answer}",
            PATIENCE.as_secs()
        )
    }

    fn wait_until_gone(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            pause(Duration::from_millis(20));
        }
        bail!("still running {} s after SIGTERM", PATIENCE.as_secs())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the server has left already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the server answers when asked whether it is ready.
fn ask(port: u16) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream
        .write_all(b"GET /api/readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

/// A folder of our own, removed when it is dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(target: &Path) -> Result<Self> {
        let path = target.join(format!("probe-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is below `target`.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
