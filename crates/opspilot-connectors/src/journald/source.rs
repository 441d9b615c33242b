//! Where entries come from: the program `journalctl` or libsystemd. Both hand over the same lines.

use std::io;

use opspilot_core::module::HealthStatus;

use super::child::Journalctl;
use super::config::Config;
use super::filter::Filter;

/// Where reading starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// At the entry under this cursor, or the next one if it is gone.
    Cursor(String),
    /// At the first entry since the machine started.
    Boot,
    /// At the last entry.
    End,
}

/// Why the journal is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) status: HealthStatus,
    pub(super) message: String,
    /// The cursor cannot be used.
    pub(super) is_cursor: bool,
}

impl Trouble {
    /// The reader ended.
    pub(super) fn ended(message: String) -> Self {
        Self {
            status: HealthStatus::Degraded,
            message,
            is_cursor: false,
        }
    }

    /// There is no reader.
    pub(super) fn missing(message: String) -> Self {
        Self {
            status: HealthStatus::Unhealthy,
            ..Self::ended(message)
        }
    }

    /// The journal, or a part of it, may not be read.
    pub(super) fn denied(status: HealthStatus) -> Self {
        let message = "the journal of the system may not be read: add the user that OpsPilot runs as to the group \
                       `systemd-journal` and start it again";
        Self {
            status,
            ..Self::missing(message.to_owned())
        }
    }

    /// The cursor cannot be used.
    pub(super) fn cursor(said: &str) -> Self {
        Self {
            is_cursor: true,
            ..Self::ended(format!("the stored cursor cannot be used: {said}"))
        }
    }
}

/// Something that hands over entries.
#[derive(Debug)]
pub(super) enum Source {
    Program(Box<Journalctl>),
    #[cfg(feature = "journald")]
    Native(super::native::Native),
}

impl Source {
    /// Starts to read.
    #[cfg_attr(
        not(feature = "journald"),
        expect(unused_variables, reason = "the native reader needs it")
    )]
    pub(super) fn start(
        id: &'static str,
        config: &Config,
        filter: &Filter,
        from: &From,
    ) -> Result<Self, Trouble> {
        #[cfg(feature = "journald")]
        if config.is_native() {
            return super::native::Native::start(id, config, filter, from).map(Self::Native);
        }
        Ok(Self::Program(Box::new(Journalctl::start(
            config, filter, from,
        )?)))
    }

    /// Reads what there is into `bytes`; 0 means that it is at its end.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn read(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Program(program) => program.read(bytes).await,
            #[cfg(feature = "journald")]
            Self::Native(native) => native.read(bytes).await,
        }
    }

    /// What it complains of while it runs.
    pub(super) fn complaint(&self) -> Option<Trouble> {
        match self {
            Self::Program(program) => program.complaint(),
            #[cfg(feature = "journald")]
            Self::Native(_) => None,
        }
    }

    /// Why it ended.
    pub(super) async fn end(self) -> Trouble {
        match self {
            Self::Program(program) => program.end().await,
            #[cfg(feature = "journald")]
            Self::Native(native) => native.end(),
        }
    }
}
