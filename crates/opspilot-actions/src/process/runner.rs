//! The server's end: hands a job to a helper and waits for how it ended.

use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::job::{Ended, GRACE, How, Job, MESSAGE_LIMIT, Request};
use super::start;

/// How long the supervisor may take beyond the job's own time and grace.
const MARGIN: Duration = Duration::from_secs(5);

/// Runs programs through a helper process.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Runner {
    /// Uses the program that runs now, whose command `__exec` calls [`super::exec_helper`].
    pub(crate) fn own() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            arguments: vec!["__exec".to_owned()],
        }
    }

    /// Uses another helper.
    #[cfg(test)]
    pub(crate) fn with_helper(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments }
    }

    /// Runs `job` until it ended, its time was up, or its supervisor was lost.
    ///
    /// # Cancel safety
    /// When the future is dropped, the supervisor notices and ends the program and everything that it started.
    pub(crate) async fn run(&self, job: Job) -> Ended {
        let deadline = job.timeout() + GRACE + MARGIN;
        match tokio::time::timeout(deadline, self.attempt(job)).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(how)) => Ended::silent(how),
            Err(_) => Ended::silent(How::Lost("its supervisor does not answer".to_owned())),
        }
    }

    async fn attempt(&self, job: Job) -> Result<Ended, How> {
        let refused = |what: &str, error: &dyn std::fmt::Display| {
            How::Refused(format!("{what} its supervisor: {error}"))
        };
        let mut message = serde_json::to_vec(&Request::Supervise(job))
            .map_err(|error| refused("cannot write to", &error))?;
        message.push(b'\n');
        let (ours, theirs) =
            StdUnixStream::pair().map_err(|error| refused("no socket for", &error))?;
        ours.set_nonblocking(true)
            .map_err(|error| refused("no socket for", &error))?;
        let mut socket =
            UnixStream::from_std(ours).map_err(|error| refused("no socket for", &error))?;
        let mut child = start::supervisor(&self.program, &self.arguments, theirs.into())
            .map_err(|error| refused("cannot start", &error))?;
        let answer = exchange(&mut socket, &message).await;
        drop(socket);
        // It ends by itself once the socket is closed; its exit code says nothing that the answer does not.
        child.wait().await.ok();
        answer
    }
}

async fn exchange(socket: &mut UnixStream, message: &[u8]) -> Result<Ended, How> {
    let lost =
        |error: &dyn std::fmt::Display| How::Lost(format!("its supervisor was lost: {error}"));
    socket
        .write_all(message)
        .await
        .map_err(|error| lost(&error))?;
    let mut answer = Vec::new();
    socket
        .take(MESSAGE_LIMIT)
        .read_to_end(&mut answer)
        .await
        .map_err(|error| lost(&error))?;
    serde_json::from_slice(&answer).map_err(|error| lost(&error))
}
