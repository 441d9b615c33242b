//! The journal through libsystemd, on a thread of its own: its calls block.
//!
//! It hands over the same lines as `journalctl`, so everything behind it is the same.

use std::io;
use std::time::Duration;

use systemd::journal::{Journal, OpenDirectoryOptions, OpenOptions};
use tokio::sync::mpsc;

use super::config::Config;
use super::filter::Filter;
use super::line::Line;
use super::source::{From, Trouble};

/// How many pieces wait for their reader.
const WAITING: usize = 4;

/// How large a piece grows before it is handed over, in bytes.
const PIECE: usize = 256 << 10;

/// How soon the thread notices that nobody reads.
const LOOK_UP: Duration = Duration::from_millis(500);

/// A thread that reads. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Native {
    pieces: mpsc::Receiver<Result<Vec<u8>, Trouble>>,
    trouble: Option<Trouble>,
}

impl Native {
    /// Starts the thread.
    pub(super) fn start(
        id: &'static str,
        config: &Config,
        filter: &Filter,
        from: &From,
    ) -> Result<Self, Trouble> {
        let (sender, pieces) = mpsc::channel(WAITING);
        let work = Work {
            config: config.clone(),
            matches: filter.matches.clone(),
            from: from.clone(),
            sender,
        };
        std::thread::Builder::new()
            .name(id.to_owned())
            .spawn(move || work.run())
            .map_err(|error| {
                Trouble::missing(format!("cannot start a thread for the journal: {error}"))
            })?;
        Ok(Self {
            pieces,
            trouble: None,
        })
    }

    /// Reads what there is into `bytes`; 0 means that it is at its end.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn read(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        match self.pieces.recv().await {
            Some(Ok(piece)) => {
                bytes.extend_from_slice(&piece);
                Ok(piece.len())
            }
            Some(Err(trouble)) => {
                self.trouble = Some(trouble);
                Ok(0)
            }
            None => Ok(0),
        }
    }

    /// Why it ended.
    pub(super) fn end(self) -> Trouble {
        self.trouble
            .unwrap_or_else(|| Trouble::ended("the reader of the journal ended".to_owned()))
    }
}

struct Work {
    config: Config,
    matches: Vec<String>,
    from: From,
    sender: mpsc::Sender<Result<Vec<u8>, Trouble>>,
}

impl Work {
    fn run(self) {
        if let Err(error) = self.follow() {
            let trouble = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    Trouble::denied(opspilot_core::module::HealthStatus::Unhealthy)
                }
                _ => Trouble::ended(format!("cannot read the journal: {error}")),
            };
            // Nobody reads any more.
            self.sender.blocking_send(Err(trouble)).ok();
        }
    }

    fn follow(&self) -> io::Result<()> {
        let mut journal = self.open()?;
        // Longer fields are of no use; they may have hundreds of megabytes.
        journal.set_data_threshold(self.config.max_message_length + 64)?;
        for text in &self.matches {
            if let Some((field, value)) = text.split_once('=') {
                journal.match_add(field, value)?;
            }
        }
        let mut has_entry = self.seek(&mut journal)?;
        let pause = LOOK_UP.min(Duration::from_millis(self.config.poll_interval_ms));
        let mut piece = Vec::new();
        let mut entry = Line::default();
        while !self.sender.is_closed() {
            if !has_entry {
                if !piece.is_empty()
                    && self
                        .sender
                        .blocking_send(Ok(std::mem::take(&mut piece)))
                        .is_err()
                {
                    return Ok(());
                }
                journal.wait(Some(pause))?;
            } else {
                write(&mut entry, &mut journal, &mut piece)?;
                if piece.len() >= PIECE
                    && self
                        .sender
                        .blocking_send(Ok(std::mem::take(&mut piece)))
                        .is_err()
                {
                    return Ok(());
                }
            }
            has_entry = journal.next()? > 0;
        }
        Ok(())
    }

    fn open(&self) -> io::Result<Journal> {
        if !self.config.directory.is_empty() {
            let options = OpenDirectoryOptions::default();
            return Ok(options.open_directory(self.config.directory.as_str())?);
        }
        let mut options = OpenOptions::default();
        options.local_only(true);
        Ok(match self.config.namespace.as_str() {
            "" => options.open()?,
            namespace => options.open_namespace(namespace)?,
        })
    }

    /// Moves to the first entry, and says whether there is one.
    fn seek(&self, journal: &mut Journal) -> io::Result<bool> {
        match &self.from {
            From::Cursor(cursor) => journal.seek_cursor(cursor.as_str())?,
            From::Boot => {
                let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
                journal.match_add("_BOOT_ID", boot.trim().replace('-', ""))?;
                journal.seek_head()?;
            }
            From::End => {
                journal.seek_tail()?;
                return Ok(journal.previous()? > 0);
            }
        }
        Ok(journal.next()? > 0)
    }
}

/// Adds the entry at which `journal` stands.
fn write(line: &mut Line, journal: &mut Journal, out: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    journal.restart_data();
    while let Some(field) = journal.enumerate_data()? {
        let data = field.data();
        if let Some(at) = memchr::memchr(b'=', data) {
            let value = data.get(at + 1..).unwrap_or_default();
            line.add(data.get(..at).unwrap_or_default(), value);
        }
    }
    let (cursor, time) = (journal.cursor()?, journal.timestamp_usec()?.to_string());
    Ok(line.write((&cursor, &time), out)?)
}
