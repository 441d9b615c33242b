//! The streams of a program: the beginning is kept, the rest is drained and counted.

use std::io::Read;

use super::job::{Captured, OUTPUT_LIMIT};

/// A stream that a program writes to.
#[derive(Debug)]
pub(super) struct Stream<R> {
    source: Option<R>,
    kept: Vec<u8>,
    dropped: u64,
}

impl<R: Read> Stream<R> {
    pub(super) fn new(source: Option<R>) -> Self {
        Self {
            source,
            kept: Vec::new(),
            dropped: 0,
        }
    }

    /// What to wait for, while it is open.
    pub(super) fn source(&self) -> Option<&R> {
        self.source.as_ref()
    }

    /// Reads once what is there; closes the stream at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) {
        let Some(source) = &mut self.source else {
            return;
        };
        match source.read(buffer) {
            Ok(0) => self.source = None,
            Ok(count) => self.keep(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => self.source = None,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = OUTPUT_LIMIT - self.kept.len();
        let (kept, dropped) = bytes.split_at(room.min(bytes.len()));
        self.kept.extend_from_slice(kept);
        self.dropped += dropped.len() as u64;
    }

    pub(super) fn finish(self) -> Captured {
        Captured {
            text: String::from_utf8_lossy(&self.kept).into_owned(),
            dropped: self.dropped,
        }
    }
}
