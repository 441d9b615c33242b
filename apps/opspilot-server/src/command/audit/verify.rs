//! `audit verify`: the proof, in words for a person and in JSON for a program.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use opspilot_core::clock::{Clock as _, SystemClock};
use opspilot_core::config::Config;
use opspilot_core::safety::audit::verify::{
    Cause, Fault, Summary, Trust, Verifier, verify as prove,
};
use opspilot_core::safety::audit::{PublicKey, Reader};
use opspilot_core::storage::StorageError;
use serde::Deserialize;
use serde_json::json;

use super::store;
use crate::cli::VerifyArguments;
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(super) fn verify(setup: &Setup, arguments: &VerifyArguments) -> Result<(), Failure> {
    let trust = trust(arguments)?;
    let is_key_known = trust.key.is_some() || arguments.file.is_none();
    let result = match arguments.file.as_deref() {
        Some(file) if file.as_os_str() == "-" => prove(io::stdin().lock(), trust),
        Some(file) => prove(BufReader::with_capacity(1 << 18, open(file)?), trust),
        None => of_store(&setup.load()?.config, trust)?,
    };
    match result {
        Ok(summary) => {
            proved(setup, &summary, is_key_known);
            Ok(())
        }
        Err(fault) => {
            refused(setup, &fault);
            Err(Failure::Unproved)
        }
    }
}

fn trust(arguments: &VerifyArguments) -> Result<Trust, Failure> {
    let key = arguments.key.as_deref().map(public_key).transpose()?;
    let checkpoint = arguments.checkpoint.as_deref().map(note).transpose()?;
    Ok(Trust { key, checkpoint })
}

/// The note in a file: the note itself, or an export or its last line, which holds one.
fn note(path: &Path) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Line {
        checkpoint: String,
    }

    let text = fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!(
            "cannot read checkpoint `{}`: {error}",
            path.display()
        ))
    })?;
    let last = text.lines().next_back().unwrap_or_default();
    let line = serde_json::from_str::<Line>(last);
    Ok(line.map_or(text, |line| line.checkpoint))
}

/// A key, or the key in the file of that name.
fn public_key(text: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = text.trim().parse() {
        return Ok(key);
    }
    let found = fs::read_to_string(text).ok();
    let key = found.and_then(|text| text.trim().parse().ok());
    key.ok_or_else(|| {
        Failure::Usage(format!(
            "`{text}` is neither a public key nor a file that holds one: `opspilot-server audit key` prints the key"
        ))
    })
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| {
        Failure::Usage(format!("cannot read export `{}`: {error}", path.display()))
    })
}

/// Proves the log in a storage: what an export of it would hold, and that nothing stands behind its end.
fn of_store(config: &Config, mut trust: Trust) -> Result<Result<Summary, Fault>, Failure> {
    store::read(config, async |reader| {
        trust.key = trust.key.or_else(|| Some(*reader.public_key()));
        let summary = match feed(&reader, trust).await {
            Ok(summary) => summary,
            Err(Stop::Fault(fault)) => return Ok(Err(fault)),
            Err(Stop::Storage(error)) => return Err(error.into()),
        };
        let has_more = reader.has_more(summary.last).await?;
        let fault = Fault {
            entry: summary.last + 1,
            line: 0,
            cause: Cause::Trailing,
        };
        Ok(if has_more { Err(fault) } else { Ok(summary) })
    })
}

enum Stop {
    Fault(Fault),
    Storage(StorageError),
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

async fn feed(reader: &Reader, trust: Trust) -> Result<Summary, Stop> {
    let mut verifier = Verifier::new(trust);
    let sink = |piece: &str| {
        let mut lines = piece.split_inclusive('\n');
        lines.try_for_each(|line| verifier.line(line.as_bytes()).map_err(Stop::Fault))
    };
    reader.export(SystemClock.now(), sink).await?;
    verifier.finish().map_err(Stop::Fault)
}

fn proved(setup: &Setup, summary: &Summary, is_key_known: bool) {
    if setup.json {
        output::json(&json!({ "ok": true, "keyIsTrusted": is_key_known, "summary": summary }));
        return;
    }
    let Summary { first, last, .. } = summary;
    let what = if last < first {
        "the audit log is whole and has no entries".to_owned()
    } else {
        format!(
            "the audit log is whole: entries {first} to {last}, none changed, removed, inserted or moved"
        )
    };
    output::line(what);
    output::line(format!("  signed at  {}", summary.signed_at));
    output::line(format!("  signed by  {}", summary.public_key));
    output::line(format!("  last hash  {}", summary.head));
    if !is_key_known {
        output::remark(
            "the key was taken from the export itself; compare it with what `opspilot-server audit key` prints on the \
             server, or give it with `--key`",
        );
    }
}

fn refused(setup: &Setup, fault: &Fault) {
    if setup.json {
        output::json(&json!({
            "ok": false,
            "entry": fault.entry,
            "line": fault.line,
            "code": fault.cause.code(),
            "reason": fault.cause.to_string(),
        }));
        return;
    }
    output::unproved(&fault.to_string());
}
