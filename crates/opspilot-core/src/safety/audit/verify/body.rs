//! What comes behind the header of an export: entries, and the checkpoints that sign them.

use super::super::chain::START;
use super::super::export::{FORMAT, Header, VERSION};
use super::super::key::PublicKey;
use super::super::note::{Checkpoint, NoteError};
use super::super::row::CheckpointLine;
use super::line::{Line, Seen};
use super::suspicion::Suspicion;
use super::{Cause, Fault, Summary, Trust};
use crate::safety::action::Digest;

/// What is known behind the header.
#[derive(Debug, Clone)]
pub(super) struct Body {
    key: PublicKey,
    /// The number that the first entry must have.
    first: u64,
    /// The last entry that was accepted, or the base.
    pub(super) last: Seen,
    /// The hash that the last entry continues.
    before: Digest,
    /// The last entry that a signature proves.
    proved: u64,
    checkpoints: u64,
    outside: Option<Checkpoint>,
    pub(super) suspicion: Option<Suspicion>,
    /// The last entry that `audit.pruned` says was removed.
    pruned: u64,
    /// The signature over the whole export.
    end: Option<Checkpoint>,
}

impl Body {
    pub(super) fn open(text: &[u8], trust: &Trust) -> Result<Self, Cause> {
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

    pub(super) fn line(&mut self, text: &[u8], line: u64) -> Result<(), Fault> {
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

    pub(super) fn finish(mut self, line: u64) -> Result<Summary, Fault> {
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
