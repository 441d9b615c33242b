//! `audit`: proves the audit log, writes it out, and names its key.

mod store;
mod verify;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use opspilot_core::clock::{Clock as _, SystemClock};
use opspilot_core::config::Config;
use opspilot_core::safety::audit::{Exported, Reader, SigningKey};
use serde_json::json;

use crate::cli::AuditCommand;
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(crate) fn audit(setup: &Setup, command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify(arguments) => verify::verify(setup, arguments),
        AuditCommand::Export { output } => export(setup, output.as_deref()),
        AuditCommand::Key => key(setup),
    }
}

/// Where the key of the audit log is kept.
pub(crate) fn key_path(config: &Config) -> PathBuf {
    config.storage.options.data_dir.join(SigningKey::FILE)
}

fn key(setup: &Setup) -> Result<(), Failure> {
    let path = key_path(&setup.load()?.config);
    let key = SigningKey::load(&path).map_err(anyhow::Error::from)?;
    let public = key.public_key().to_string();
    if setup.json {
        output::json(&json!({ "publicKey": public, "signingKeyFile": path }));
    } else {
        output::line(public);
    }
    Ok(())
}

fn export(setup: &Setup, file: Option<&Path>) -> Result<(), Failure> {
    let config = setup.load()?.config;
    let exported = store::read(&config, async |reader| match file {
        None => write(&reader, output::stream()).await,
        Some(path) => {
            let file = create(path)?;
            let exported = write(&reader, std::io::BufWriter::new(&file)).await?;
            file.sync_all()?;
            Ok(exported)
        }
    })?;
    let Some(path) = file else { return Ok(()) };
    if setup.json {
        let checkpoint = &exported.checkpoint;
        output::json(&json!({
            "file": path, "entries": exported.entries, "last": checkpoint.size, "head": checkpoint.hash,
        }));
    } else {
        output::line(format!(
            "wrote {} entries to {}",
            exported.entries,
            path.display()
        ));
    }
    Ok(())
}

async fn write(reader: &Reader, mut sink: impl Write + Send) -> anyhow::Result<Exported> {
    let now = SystemClock.now();
    let exported = reader
        .export(now, |piece| -> anyhow::Result<()> {
            Ok(sink.write_all(piece.as_bytes())?)
        })
        .await?;
    sink.flush()?;
    Ok(exported)
}

/// A new file for the owner alone: the log tells who did what.
fn create(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| {
        format!(
            "cannot write `{}`; name a file that does not exist",
            path.display()
        )
    })
}
