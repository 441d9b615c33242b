//! The supervisor: starts the program, keeps its time, drains its output, and leaves nothing of it behind.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, WaitStatus, getpid, set_child_subreaper, setsid};
use rustix::time::Timespec;

use super::descendants::{self, kill_all, reap};
use super::job::{Ended, GRACE, How, Job, Request};
use super::output::Stream;
use super::start;

/// How often the supervisor looks for children that ended and for too many processes.
const TICK: Duration = Duration::from_millis(20);

/// How long killing what is left may take.
const KILL_LIMIT: Duration = Duration::from_millis(900);

/// Runs `job`; the server's end of `socket` is watched for the server's going away.
pub(super) fn supervise(job: Job, socket: &UnixStream) -> Ended {
    match start_locked(job) {
        Ok(mut run) => run
            .watch(socket)
            .map_or_else(Ended::silent, |how| run.finish(how)),
        Err(reason) => Ended::silent(How::Refused(reason)),
    }
}

/// A program under supervision.
struct Run {
    job: Job,
    own: u32,
    main: u32,
    /// Says why the program could not be started; it is closed without a word when it was.
    gate: Stream<UnixStream>,
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    status: Option<WaitStatus>,
    started: Instant,
    /// What descendants were seen last, when they are looked for again, see [`Run::look`].
    seen: Vec<u32>,
    look_at: Instant,
    /// When whatever is still there is killed, and why it was asked to end.
    ending: Option<(Instant, How)>,
    buffer: Vec<u8>,
}

fn start_locked(job: Job) -> Result<Run, String> {
    set_child_subreaper(Some(getpid()))
        .map_err(|error| format!("cannot adopt what a program leaves behind: {error}"))?;
    // Fails only where the process leads a session already, which is as good.
    setsid().ok();
    let (ours, theirs) = UnixStream::pair().map_err(|error| format!("no socket: {error}"))?;
    let mut child = start::locked(theirs.into())
        .map_err(|error| format!("the helper cannot be started: {error}"))?;
    let request = Request::Become(job);
    tell(&ours, &request).map_err(|error| format!("the helper does not listen: {error}"))?;
    let Request::Become(job) = request else {
        return Err("the helper was told something else".to_owned());
    };
    Ok(Run::new(job, &mut child, ours))
}

fn tell(mut socket: &UnixStream, request: &Request) -> std::io::Result<()> {
    let mut message = serde_json::to_vec(request)?;
    message.push(b'\n');
    socket.set_write_timeout(Some(Duration::from_secs(5)))?;
    socket.write_all(&message)
}

impl Run {
    fn new(job: Job, child: &mut Child, gate: UnixStream) -> Self {
        Self {
            job,
            own: std::process::id(),
            main: child.id(),
            gate: Stream::new(Some(gate)),
            stdout: Stream::new(child.stdout.take()),
            stderr: Stream::new(child.stderr.take()),
            status: None,
            started: Instant::now(),
            seen: Vec::new(),
            look_at: Instant::now(),
            ending: None,
            buffer: vec![0; 64 * 1024],
        }
    }

    /// Waits until the program ended or must be ended.
    fn watch(&mut self, socket: &UnixStream) -> Result<How, How> {
        loop {
            let watched = self.ending.is_none().then_some(socket);
            let is_cancelled = self.listen(watched, TICK).server && is_closed(socket);
            let reaped = reap(self.main);
            self.status = self.status.or(reaped.main);
            if let Some(how) = self.verdict() {
                return Ok(how);
            }
            if reaped.is_childless {
                return Ok(How::Lost("it vanished".to_owned()));
            }
            self.look();
            self.limit(is_cancelled);
        }
    }

    /// How the run ended, if it did.
    fn verdict(&self) -> Option<How> {
        match (&self.ending, self.status) {
            (Some((deadline, how)), None) if Instant::now() >= *deadline => Some(how.clone()),
            // It ended while it was being ended, and the rest may still have its time.
            (Some((deadline, how)), Some(_)) => {
                let is_over = Instant::now() >= *deadline || descendants::of(self.own).is_empty();
                is_over.then(|| how.clone())
            }
            (None, Some(status)) => Some(how_of(status)),
            (_, None) => None,
        }
    }

    /// Looks for descendants, if it is time. On a machine with many processes a look takes long, so that at most a tenth
    /// of the time is spent with looking.
    fn look(&mut self) {
        let begin = Instant::now();
        if begin >= self.look_at {
            self.seen = descendants::of(self.own);
            self.look_at = begin + begin.elapsed() * 10;
        }
    }

    /// Asks the program to end if it must.
    fn limit(&mut self, is_cancelled: bool) {
        if self.ending.is_some() {
            return;
        }
        let too_many = self.seen.len() as u64 > self.job.limits.processes;
        let how = if is_cancelled {
            How::Cancelled
        } else if self.started.elapsed() >= self.job.timeout() {
            How::TimedOut(self.job.timeout_ms)
        } else if too_many {
            How::TooMany(self.job.limits.processes)
        } else {
            return;
        };
        let grace = if too_many { Duration::ZERO } else { GRACE };
        descendants::signal(&descendants::of(self.own), Signal::TERM);
        self.ending = Some((Instant::now() + grace, how));
    }

    /// Kills what is left, reads the rest of the output, and says how it was.
    fn finish(mut self, how: How) -> Ended {
        let is_gone = kill_all(self.own, KILL_LIMIT);
        while self.listen(None, Duration::ZERO).program {}
        let how = match how {
            _ if !is_gone => How::Lost("some of its processes cannot be killed".to_owned()),
            How::Exit(_) | How::Signal(_) => self.refusal().unwrap_or(how),
            other => other,
        };
        Ended {
            how,
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
        }
    }

    /// What the locked process said instead of becoming the program.
    fn refusal(&mut self) -> Option<How> {
        let gate = std::mem::replace(&mut self.gate, Stream::new(None)).finish();
        (!gate.text.is_empty()).then_some(How::Refused(gate.text))
    }

    /// Waits up to `time` for something to read, and reads what the program wrote. `socket` is only waited for.
    fn listen(&mut self, socket: Option<&UnixStream>, time: Duration) -> Heard {
        let sources = [
            self.gate.source().map(AsFd::as_fd),
            self.stdout.source().map(AsFd::as_fd),
            self.stderr.source().map(AsFd::as_fd),
            socket.map(AsFd::as_fd),
        ];
        let [gate, stdout, stderr, server] = ready(sources, time);
        if gate {
            self.gate.read(&mut self.buffer);
        }
        if stdout {
            self.stdout.read(&mut self.buffer);
        }
        if stderr {
            self.stderr.read(&mut self.buffer);
        }
        Heard {
            program: gate || stdout || stderr,
            server,
        }
    }
}

/// Who could be heard.
struct Heard {
    program: bool,
    server: bool,
}

/// Which of `sources` can be read within `time`.
fn ready<const N: usize>(sources: [Option<BorrowedFd<'_>>; N], time: Duration) -> [bool; N] {
    let open = sources.iter().enumerate();
    let open: Vec<_> = open.filter_map(|(at, fd)| fd.map(|fd| (at, fd))).collect();
    let mut polled: Vec<_> = open
        .iter()
        .map(|(_, fd)| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    let time = Timespec::try_from(time).ok();
    let mut ready = [false; N];
    if poll(&mut polled, time.as_ref()).is_ok() {
        for ((at, _), polled) in open.iter().zip(&polled) {
            ready[*at] = !polled.revents().is_empty();
        }
    }
    ready
}

/// True if the server closed its end. It says nothing after its request, so whatever comes is the end.
fn is_closed(mut socket: &UnixStream) -> bool {
    let mut byte = [0];
    !matches!(socket.read(&mut byte), Ok(1))
}

fn how_of(status: WaitStatus) -> How {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => How::Exit(code),
        (None, Some(signal)) => How::Signal(signal),
        (None, None) => How::Lost("its end has no reason".to_owned()),
    }
}
