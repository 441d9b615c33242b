//! The only place of this crate that starts processes.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::job::Job;

/// Starts a supervisor, which finds its socket as its standard input.
#[expect(clippy::disallowed_methods, reason = "an executor starts a process")]
pub(super) fn supervisor(
    program: &Path,
    arguments: &[String],
    socket: OwnedFd,
) -> io::Result<tokio::process::Child> {
    tokio::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Starts this program again, as the process that will lock itself down; its output comes through pipes.
#[expect(clippy::disallowed_methods, reason = "an executor starts a process")]
pub(super) fn locked(socket: OwnedFd) -> io::Result<Child> {
    // The link leads to the file that runs, even if another one has its name now.
    Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env_clear()
        .stdin(socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Turns this process into the program of `job`; returns only if that fails.
#[expect(clippy::disallowed_methods, reason = "an executor starts a process")]
pub(super) fn program(job: &Job) -> Result<Infallible, io::Error> {
    let (program, arguments) = job
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&job.environment)
        .current_dir(&job.folder)
        .stdin(Stdio::null());
    Err(command.exec())
}
