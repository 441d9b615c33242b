//! What the server tells the helper, and what it hears back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest message in bytes.
pub(super) const MESSAGE_LIMIT: u64 = 4 * 1024 * 1024;

/// How much of each stream is kept, in bytes.
pub(crate) const OUTPUT_LIMIT: usize = 64 * 1024;

/// How long a program may take to end after it was asked to, before it is killed.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// What a helper process is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// The supervisor of a program.
    Supervise(Job),
    /// The program itself, once it is locked down.
    Become(Job),
}

/// One run of one program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The program's absolute path and its arguments.
    pub(crate) argv: Vec<String>,
    /// The folder it works in.
    pub(crate) folder: String,
    /// Its whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// How many milliseconds it may take.
    pub(crate) timeout_ms: u64,
    /// Whom it runs as, if not as the server's user.
    pub(crate) account: Option<Account>,
    /// Whether it may run as root.
    pub(crate) allow_root: bool,
    /// What it may reach; everything if `None`.
    pub(crate) confinement: Option<Confinement>,
    /// How much it may use.
    pub(crate) limits: Limits,
}

/// A user as the kernel knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The user id.
    pub(crate) uid: u32,
    /// The id of the only group.
    pub(crate) gid: u32,
}

/// What a program may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confinement {
    /// Whether the program is refused where the kernel cannot confine it.
    pub(crate) is_required: bool,
    /// What it may read and start, besides the system's folders.
    pub(crate) readable: Vec<String>,
    /// What it may change.
    pub(crate) writable: Vec<String>,
    /// Whether it may use the network.
    pub(crate) has_network: bool,
}

/// How much a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Seconds of processor time of each process.
    pub(crate) cpu_seconds: u64,
    /// Bytes of address space of each process.
    pub(crate) memory_bytes: u64,
    /// Bytes of the largest file that it writes.
    pub(crate) file_bytes: u64,
    /// Open files of each process.
    pub(crate) open_files: u64,
    /// Processes and threads in all.
    pub(crate) processes: u64,
}

/// How a run ended; nothing that it started is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// What ended it.
    pub(crate) how: How,
    /// What it wrote to its standard output.
    pub(crate) stdout: Captured,
    /// What it wrote to its standard error.
    pub(crate) stderr: Captured,
}

/// The beginning of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Captured {
    /// Up to [`OUTPUT_LIMIT`] bytes; what is no UTF-8 is replaced.
    pub(crate) text: String,
    /// How many bytes came after it.
    pub(crate) dropped: u64,
}

/// What ended a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    /// The program ended by itself.
    Exit(i32),
    /// A signal ended it, which was not the supervisor's.
    Signal(i32),
    /// Its time, in milliseconds, was up.
    TimedOut(u64),
    /// It started more processes than this.
    TooMany(u64),
    /// The server gave it up.
    Cancelled,
    /// It was not started, and why.
    Refused(String),
    /// Nobody knows, and why.
    Lost(String),
}

impl Job {
    /// How long it may take.
    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Ended {
    /// The end of a run without output.
    pub(crate) fn silent(how: How) -> Self {
        Self {
            how,
            stdout: Captured::default(),
            stderr: Captured::default(),
        }
    }

    /// True if the program said that all went well.
    pub(crate) fn succeeded(&self) -> bool {
        self.how == How::Exit(0)
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut(millis) if millis % 1_000 == 0 => {
                write!(f, "killed after {} s", millis / 1_000)
            }
            Self::TimedOut(millis) => write!(f, "killed after {millis} ms"),
            Self::TooMany(count) => write!(f, "killed, it had more than {count} processes"),
            Self::Cancelled => f.write_str("killed, the server stopped"),
            Self::Refused(reason) => write!(f, "not started: {reason}"),
            Self::Lost(reason) => write!(f, "nobody knows how it ended: {reason}"),
        }
    }
}
