//! Proves an export of the audit log, or says where it was tampered with first.
//!
//! This part knows the format of `docs/AUDIT.md` and nothing of how the log is stored. It reads one line at a time and
//! needs the same memory for any length.

mod body;
mod fault;
mod line;
mod suspicion;

use std::io::{BufRead, Read as _};

use serde::{Deserialize, Serialize};

pub use fault::{Cause, Fault};

use self::body::Body;
use self::suspicion::Suspicion;
use super::key::PublicKey;
use crate::safety::action::Digest;

/// The most bytes of a line that are read.
const LINE_LIMIT: u64 = 1024 * 1024;

/// What is known from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The key that must have signed the log. Without it, the key in the export is believed: whoever could replace the
    /// whole export could have signed it with a key of their own.
    pub key: Option<PublicKey>,
    /// A checkpoint of the log that was kept elsewhere, as a signed note.
    pub checkpoint: Option<String>,
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The number of the first entry.
    pub first: u64,
    /// The number of the last entry; one before the first if there are none.
    pub last: u64,
    /// The hash of the last entry.
    pub head: Digest,
    /// How many signatures were checked, with those of the base and of the end.
    pub checkpoints: u64,
    /// When the end was signed.
    pub signed_at: crate::clock::Timestamp,
    /// The key that signed.
    pub public_key: String,
}

/// Proves an export.
///
/// # Errors
/// The first place at which it is not what was written.
pub fn verify(mut input: impl BufRead, trust: Trust) -> Result<Summary, Fault> {
    let mut verifier = Verifier::new(trust);
    let mut line = Vec::with_capacity(4_096);
    loop {
        line.clear();
        let read = input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return verifier.finish(),
            Ok(_) => verifier.line(&line)?,
            Err(error) => return Err(verifier.input(&error)),
        }
    }
}

/// Proves an export line by line.
#[derive(Debug, Clone)]
pub struct Verifier {
    trust: Trust,
    /// Lines seen.
    lines: u64,
    body: Option<Body>,
}

impl Verifier {
    /// A verifier that has seen nothing yet.
    #[must_use]
    pub const fn new(trust: Trust) -> Self {
        Self {
            trust,
            lines: 0,
            body: None,
        }
    }

    /// Looks at the next line, which is given with its line end.
    ///
    /// # Errors
    /// The first place at which the log is not what was written; there is no use in going on then.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.lines += 1;
        let Some(text) = line.strip_suffix(b"\n") else {
            return Err(self.cut_off(line));
        };
        match &mut self.body {
            None => {
                let body = Body::open(text, &self.trust);
                self.body = Some(body.map_err(|cause| self.at(1, cause))?);
                Ok(())
            }
            Some(body) => body.line(text, self.lines),
        }
    }

    /// Ends the proof.
    ///
    /// # Errors
    /// When the export was cut off, or does not reach what is known from elsewhere.
    pub fn finish(mut self) -> Result<Summary, Fault> {
        self.lines += 1;
        let Some(body) = self.body.take() else {
            return Err(self.at(1, Cause::Header("it is empty".into())));
        };
        body.finish(self.lines)
    }

    /// A line without an end: the file is cut off, or the line is longer than any that was written.
    fn cut_off(&mut self, line: &[u8]) -> Fault {
        let entry = self.body.as_ref().map_or(1, |body| body.last.seq + 1);
        if line.len() as u64 >= LINE_LIMIT {
            return self.at(entry, Cause::Damaged("it is too long".into()));
        }
        let suspicion = self.body.as_mut().and_then(|body| body.suspicion.take());
        suspicion.map_or_else(|| self.at(entry, Cause::Truncated), Suspicion::earlier)
    }

    fn input(&self, error: &std::io::Error) -> Fault {
        let entry = self.body.as_ref().map_or(1, |body| body.last.seq + 1);
        self.at(entry, Cause::Input(error.to_string()))
    }

    const fn at(&self, entry: u64, cause: Cause) -> Fault {
        Fault {
            entry,
            line: self.lines,
            cause,
        }
    }
}
