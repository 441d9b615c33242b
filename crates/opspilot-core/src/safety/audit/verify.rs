//! Proves an export of the audit log, or says where it was tampered with first.
//!
//! This part knows the format of `docs/AUDIT.md` and nothing of how the log is stored. It reads one line at a time and
//! needs the same memory for any length.

mod fault;
mod line;
mod suspicion;

use std::io::{BufRead, Read as _};

use serde::{Deserialize, Serialize};

pub use fault::{Cause, Fault};

use self::line::{Line, Seen};
use self::suspicion::Suspicion;
use super::chain::START;
use super::export::{FORMAT, Header, VERSION};
use super::key::PublicKey;
use super::note::{Checkpoint, NoteError};
use super::row::CheckpointLine;
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

/// What is known behind the header.
#[derive(Debug, Clone)]
struct Body {
    key: PublicKey,
    /// The number that the first entry must have.
    first: u64,
    /// The last entry that was accepted, or the base.
    last: Seen,
    /// The hash that the last entry continues.
    before: Digest,
    /// The last entry that a signature proves.
    proved: u64,
    checkpoints: u64,
    outside: Option<Checkpoint>,
    suspicion: Option<Suspicion>,
    /// The last entry that `audit.pruned` says was removed.
    pruned: u64,
    /// The signature over the whole export.
    end: Option<Checkpoint>,
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

impl Body {
    fn open(text: &[u8], trust: &Trust) -> Result<Self, Cause> {
        let header: Header =
            serde_json::from_slice(text).map_err(|error| Cause::Header(error.to_string()))?;
        if header.format != FORMAT || header.version != VERSION {
            let found = format!("it has format `{}` {}", header.format, header.version);
            return Err(Cause::Header(found));
        }
        let key: PublicKey = header
            .public_key
            .parse()
            .map_err(|_| Cause::Header("its public key is damaged".into()))?;
        if trust.key.is_some_and(|trusted| trusted != key) {
            return Err(Cause::ForeignKey(key.to_string()));
        }
        let base = header.base.map(|note| Checkpoint::open(&note, &key));
        let base = base.transpose().map_err(Cause::Checkpoint)?;
        let (size, hash) = base
            .as_ref()
            .map_or((0, START), |base| (base.size, base.hash));
        let outside = trust
            .checkpoint
            .as_ref()
            .map(|note| Checkpoint::open(note, &key));
        let outside = outside.transpose().map_err(Cause::Outside)?;
        match &outside {
            Some(outside) if outside.size < size => return Err(Cause::TooOld { of: outside.size }),
            Some(outside) if outside.size == size && outside.hash != hash => {
                return Err(Cause::Forked);
            }
            _ => {}
        }
        Ok(Self {
            key,
            first: size + 1,
            last: Seen {
                seq: size,
                line: 1,
                hash,
            },
            before: START,
            proved: size,
            checkpoints: base.iter().count() as u64,
            outside,
            suspicion: None,
            pruned: 0,
            end: None,
        })
    }

    fn line(&mut self, text: &[u8], line: u64) -> Result<(), Fault> {
        if self.end.is_some() {
            return Err(self.fault(line, Cause::Trailing));
        }
        if text.starts_with(b"{\"checkpoint\":") {
            return self.checkpoint(text, line);
        }
        self.entry(text, line)
    }

    /// That the next entry is wrong; if the one before it was doubtful already, that is the first fault.
    fn fault(&mut self, line: u64, cause: Cause) -> Fault {
        let suspicion = self.suspicion.take();
        suspicion.map_or_else(
            || Fault {
                entry: self.last.seq + 1,
                line,
                cause,
            },
            Suspicion::earlier,
        )
    }

    fn entry(&mut self, text: &[u8], line: u64) -> Result<(), Fault> {
        let found = match Line::parse(text) {
            Ok(found) => found,
            Err(why) => return Err(self.fault(line, Cause::Damaged(why))),
        };
        if !found.fits() {
            return Err(self.fault(line, Cause::Changed));
        }
        if let Some(suspicion) = self.suspicion.take() {
            return Err(suspicion.settled_by(&found.prev));
        }
        let facts = match found.facts() {
            Ok(facts) => facts,
            Err(why) => return Err(self.fault(line, Cause::Damaged(why))),
        };
        let seen = Seen {
            seq: facts.seq,
            line,
            hash: found.hash,
        };
        self.accept(&seen, &found.prev)?;
        self.pruned = facts.pruned().unwrap_or(self.pruned);
        Ok(())
    }

    /// Takes an entry whose hash fits it, if it is the next one.
    fn accept(&mut self, seen: &Seen, prev: &Digest) -> Result<(), Fault> {
        let expected = self.last.seq + 1;
        let continues = *prev == self.last.hash;
        let since = self.proved + 1;
        if continues && seen.seq == expected {
            if let Some(outside) = &self.outside
                && outside.size == seen.seq
                && outside.hash != seen.hash
            {
                return Err(self.fault(seen.line, Cause::Forked));
            }
            self.before = std::mem::replace(&mut self.last, *seen).hash;
            return Ok(());
        }
        if continues {
            return Err(self.fault(seen.line, Cause::Rehashed { since }));
        }
        if seen.seq > expected {
            return Err(self.fault(seen.line, Cause::Removed { found: seen.seq }));
        }
        // Either this entry or the one before it is wrong, unless that one is proved.
        let is_proved = self.last.seq == self.proved;
        if seen.seq == expected && !is_proved {
            self.suspicion = Some(Suspicion::rehashed(self.last, *seen, since));
            return Ok(());
        }
        let is_copy = seen.hash == self.last.hash;
        if seen.seq == self.last.seq && *prev == self.before && !is_proved && !is_copy {
            self.suspicion = Some(Suspicion::twins(self.last, *seen));
            return Ok(());
        }
        if seen.seq == expected {
            return Err(self.fault(seen.line, Cause::Rehashed { since }));
        }
        Err(self.fault(seen.line, Cause::Inserted { found: seen.seq }))
    }

    fn checkpoint(&mut self, text: &[u8], line: u64) -> Result<(), Fault> {
        let opened = serde_json::from_slice::<CheckpointLine>(text)
            .map_err(|_| NoteError::Form("its line is damaged"))
            .and_then(|line| Checkpoint::open(&line.checkpoint, &self.key));
        let checkpoint = match opened {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                let fault = self.fault(line, Cause::Checkpoint(error));
                return Err(self.over_last(fault));
            }
        };
        if let Some(suspicion) = self.suspicion.take() {
            return Err(suspicion.settled_by(&checkpoint.hash));
        }
        let found = checkpoint.size;
        if found > self.last.seq {
            return Err(self.fault(line, Cause::Absent { signed: found }));
        }
        let is_end = checkpoint.export.is_some();
        if found < self.last.seq
            || checkpoint
                .export
                .is_some_and(|range| range != (self.first, found))
        {
            let fault = self.fault(line, Cause::MovedCheckpoint { of: found });
            return Err(self.over_last(fault));
        }
        if checkpoint.hash != self.last.hash {
            let cause = Cause::Rehashed {
                since: self.proved + 1,
            };
            let entry = self.last.seq;
            return Err(Fault {
                entry,
                line: self.last.line,
                cause,
            });
        }
        self.proved = found;
        self.checkpoints += 1;
        self.end = Some(checkpoint).filter(|_| is_end);
        Ok(())
    }

    /// The same fault, told of the entry that the checkpoint at hand should cover.
    fn over_last(&self, mut fault: Fault) -> Fault {
        if matches!(
            fault.cause,
            Cause::Checkpoint(_) | Cause::MovedCheckpoint { .. }
        ) {
            fault.entry = self.last.seq;
        }
        fault
    }

    fn finish(mut self, line: u64) -> Result<Summary, Fault> {
        let Some(end) = self.end.take() else {
            return Err(self.fault(line, Cause::Truncated));
        };
        if let Some(proved) = self.outside.as_ref().map(|outside| outside.size)
            && proved > self.last.seq
        {
            return Err(self.fault(line, Cause::RolledBack { proved }));
        }
        if self.first > 1 && self.pruned != self.first - 1 {
            let entry = self.first;
            return Err(Fault {
                entry,
                line: 2,
                cause: Cause::Unexplained,
            });
        }
        Ok(Summary {
            first: self.first,
            last: self.last.seq,
            head: self.last.hash,
            checkpoints: self.checkpoints,
            signed_at: end.at,
            public_key: self.key.to_string(),
        })
    }
}
