//! Messages on their way to a file: a thread writes them, so that a slow disk holds nobody up.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use opspilot_core::metrics::{Counter, MetricSpec, Metrics};
use tracing_subscriber::fmt::MakeWriter;

use super::rotation::RotatingFile;

/// How many messages wait at most; a further one is dropped and counted.
const MOST: usize = 4_096;

/// How many bytes wait at most.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How long the end waits for messages to be written.
const PATIENCE: Duration = Duration::from_secs(2);

/// Messages that are in no file.
pub(super) const LOST: MetricSpec = MetricSpec::counter(
    "opspilot_log_lost_total",
    &["reason"],
    "Messages that are not in the log file, by reason: full (the disk was too slow for their number) or failed (they \
     could not be written, and went to the error stream).",
);

/// The owner of the thread. Dropping it writes what waits.
#[derive(Debug)]
pub(super) struct Queue {
    writer: Writer,
    ended: Receiver<()>,
}

/// Hands messages over and never waits; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    sender: SyncSender<Entry>,
    bytes: Arc<AtomicUsize>,
    full: Counter,
}

#[derive(Debug)]
enum Entry {
    Message(Vec<u8>),
    End,
}

impl Queue {
    /// Starts the thread that writes to `file`.
    pub(super) fn start(file: RotatingFile, metrics: &Metrics) -> io::Result<Self> {
        let (sender, entries) = sync_channel(MOST);
        let (end, ended) = sync_channel(1);
        let lost = |reason| metrics.counter(&LOST, &[("reason", reason)]);
        let (full, failed) = (lost("full"), lost("failed"));
        let bytes = Arc::<AtomicUsize>::default();
        let mut keeper = Keeper {
            file,
            bytes: Arc::clone(&bytes),
            failed,
        };
        thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || {
                keeper.write_all(&entries);
                // Whoever waited may have lost patience.
                end.send(()).ok();
            })?;
        Ok(Self {
            writer: Writer {
                sender,
                bytes,
                full,
            },
            ended,
        })
    }

    /// Where messages go in.
    pub(super) fn writer(&self) -> Writer {
        self.writer.clone()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // With a full queue there is no room for the end, and the disk is too slow to wait for.
        if self.writer.sender.try_send(Entry::End).is_ok() {
            self.ended.recv_timeout(PATIENCE).ok();
        }
    }
}

impl Write for Writer {
    /// Takes one whole message: the logger hands over a message at a time.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let length = message.len();
        let waiting = self.bytes.fetch_add(length, Ordering::Relaxed);
        let is_taken = waiting + length <= MOST_BYTES
            && match self.sender.try_send(Entry::Message(message.to_vec())) {
                Ok(()) => true,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
            };
        if !is_taken {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
            self.full.inc();
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What the thread owns.
struct Keeper {
    file: RotatingFile,
    bytes: Arc<AtomicUsize>,
    failed: Counter,
}

impl Keeper {
    /// Writes until the end is announced.
    fn write_all(&mut self, entries: &Receiver<Entry>) {
        while let Ok(Entry::Message(message)) = entries.recv() {
            if let Err(error) = self.file.write_all(&message) {
                self.failed.inc();
                complain(&error, &message);
            }
            self.bytes.fetch_sub(message.len(), Ordering::Relaxed);
        }
    }
}

/// The error stream is the last resort; where it is closed too, the counter alone tells.
fn complain(error: &io::Error, message: &[u8]) {
    let mut stream = io::stderr().lock();
    writeln!(stream, "cannot write to the log file: {error}")
        .and_then(|()| stream.write_all(message))
        .ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_written_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let file = RotatingFile::open(&path, 1 << 20, 1).unwrap();
        let metrics = Metrics::default();
        let queue = Queue::start(file, &metrics).unwrap();
        for number in 0..1_000 {
            writeln!(queue.writer(), "message {number}").unwrap();
        }
        drop(queue);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1_000);
        assert_eq!(text.lines().last(), Some("message 999"));
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let metrics = Metrics::default();
        let full = metrics.counter(&LOST, &[("reason", "full")]);
        // Nobody takes anything out.
        let (sender, entries) = sync_channel(MOST);
        let mut writer = Writer {
            sender,
            bytes: Arc::default(),
            full: full.clone(),
        };
        for _ in 0..MOST + 7 {
            writer.write_all(b"x").unwrap();
        }
        assert_eq!(full.get(), 7);
        assert_eq!(entries.try_iter().count(), MOST);
        writer.write_all(&vec![b'x'; MOST_BYTES]).unwrap();
        assert_eq!(full.get(), 8, "bytes are bounded too");
    }
}
