//! The helper's entry.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::job::{MESSAGE_LIMIT, Request};
use super::{lock, supervisor};

/// What the server's hidden command `__exec` does: reads from its standard input, a socket, what it is to be.
///
/// Call it before anything else is set up: the process must have one thread and no state.
#[must_use]
pub fn exec_helper() -> ExitCode {
    let Ok(descriptor) = std::io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::from(2);
    };
    let mut socket = UnixStream::from(descriptor);
    let answer = match read(&socket) {
        Some(Request::Supervise(job)) => {
            let ended = supervisor::supervise(job, &socket);
            serde_json::to_vec(&ended).unwrap_or_default()
        }
        // A process that becomes a program does not come back.
        Some(Request::Become(job)) => match lock::become_program(&job) {
            Ok(never) => match never {},
            Err(reason) => reason.into_bytes(),
        },
        None => return ExitCode::from(2),
    };
    match socket.write_all(&answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn read(socket: &UnixStream) -> Option<Request> {
    let mut line = String::new();
    BufReader::new(socket)
        .take(MESSAGE_LIMIT)
        .read_line(&mut line)
        .ok()?;
    serde_json::from_str(&line).ok()
}
