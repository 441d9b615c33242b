//! The real binary as a process.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::{Answer, Client};
use super::files::Site;
use super::wait::until;

const STDOUT: &str = "stdout.log";
const STDERR: &str = "stderr.log";

/// How much of the server's messages a failure shows, in bytes.
const SHOWN: usize = 8_000;

/// A running server. It is killed when the value is dropped.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    site: &'a Site,
    child: Child,
    client: Option<Client>,
}

/// A server or command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with `arguments`, without the variables of the test's own environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the subject of these tests is a process"
)]
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opspilot-server"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

impl<'a> Server<'a> {
    /// Starts a server with `config.yaml` in the folder of `site`, and does not wait for it.
    pub(crate) fn launch(site: &'a Site) -> Self {
        let config = site.path("config.yaml");
        let mut command = command(&[
            "--config",
            config.to_str().expect("temporary folders have plain names"),
        ]);
        Self::spawn(site, command.current_dir(site.folder()))
    }

    /// Starts `command` and does not wait for it.
    pub(crate) fn spawn(site: &'a Site, command: &mut Command) -> Self {
        let stdout = File::create(site.path(STDOUT)).expect("a file can be made");
        let stderr = OpenOptions::new()
            .append(true)
            .create(true)
            .open(site.path(STDERR))
            .expect("a file can be made");
        let child = command
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("the binary can be started");
        Self {
            site,
            child,
            client: None,
        }
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn start(site: &'a Site) -> Self {
        let mut server = Self::launch(site);
        server.wait_until_ready();
        server
    }

    /// Waits until the server says that it is ready.
    pub(crate) fn wait_until_ready(&mut self) {
        let Self {
            site,
            child,
            client,
        } = self;
        *client = Some(until(
            "the server is ready",
            || messages(site),
            || {
                if let Some(status) = child.try_wait().expect("a child can be waited for") {
                    panic!(
                        "the server ended with {status} before it was ready\n{}",
                        messages(site)
                    );
                }
                let greeting = site.read(STDOUT);
                let url = greeting
                    .lines()
                    .find_map(|line| line.trim().strip_prefix("API"))?;
                greeting
                    .contains("Stop with")
                    .then(|| Client::new(url.trim()))
            },
        ));
    }

    /// Starts a server without a configuration, in a folder of its own.
    pub(crate) fn unconfigured(site: &'a Site) -> Self {
        let mut command = command(&[]);
        command
            .current_dir(site.folder())
            .env("OPSPILOT_MODULES_UI_API_PORT", "0")
            .env("OPSPILOT_MODULES_UI_API_RATE_LIMIT_PER_MINUTE", "0");
        let mut server = Self::spawn(site, &mut command);
        server.wait_until_ready();
        server
    }

    /// A client of the server's API.
    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("the server was waited for")
    }

    /// Reads a path of the API.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.client()
            .get(path)
            .unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.messages()))
    }

    /// Posts to a path of the API.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.client()
            .post(path, body)
            .unwrap_or_else(|error| panic!("POST {path}: {error}\n{}", self.messages()))
    }

    /// Every incident, newest first.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        self.client()
            .incidents()
            .unwrap_or_else(|error| panic!("incidents: {error}\n{}", self.messages()))
    }

    /// Waits until `look` finds something.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        until(what, || self.messages(), look)
    }

    /// Waits until there are as many incidents as `count`, and returns them.
    pub(crate) fn until_incidents(&self, count: usize) -> Vec<Value> {
        self.until(&format!("there are {count} incidents"), || {
            Some(self.incidents()).filter(|incidents| incidents.len() >= count)
        })
    }

    /// The end of what the server wrote to its error stream.
    pub(crate) fn messages(&self) -> String {
        messages(self.site)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the child has not been waited for");
    }

    /// The process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks the server to stop, and proves that it does with exit code 0.
    pub(crate) fn stop(self) {
        self.signal(Signal::TERM);
        let ended = self.wait();
        assert_eq!(
            ended.status.code(),
            Some(0),
            "the server did not stop well\n{}",
            ended.stderr
        );
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let status = until(
            "the server ends",
            || messages(self.site),
            || self.child.try_wait().expect("a child can be waited for"),
        );
        Ended {
            status,
            stdout: self.site.read(STDOUT),
            stderr: self.site.read(STDERR),
        }
    }

    fn end(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl Ended {
    /// Runs the binary in `folder` until it ends.
    pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Self {
        Self::of(command(arguments).current_dir(folder))
    }

    /// Runs `command` until it ends.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the binary can be started");
        Self {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The exit code.
    ///
    /// # Panics
    /// When a signal ended the process.
    pub(crate) fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("ended by a signal: {self:?}"))
    }
}

fn messages(site: &Site) -> String {
    let text = site.read(STDERR);
    let start = text.len().saturating_sub(SHOWN);
    let start = (start..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default();
    format!("--- its last messages:\n{}", text.split_at(start).1)
}
