//! The log in the storage of a server that does not run.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use opspilot_core::config::{Config, StorageEngine};
use opspilot_core::safety::audit::{Reader, SigningKey};
use opspilot_storage::OpenError;

use super::key_path;
use crate::exit::Failure;

/// Runs `work` with the log of the storage that `config` names.
pub(super) fn read<T>(
    config: &Config,
    work: impl AsyncFnOnce(Reader) -> anyhow::Result<T>,
) -> Result<T, Failure> {
    check_exists(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(async {
        let storage = opspilot_storage::open(&config.storage)
            .await
            .map_err(in_use)?;
        let result = async {
            let key = SigningKey::load(&key_path(config))?;
            let reader = Reader::open(Arc::clone(&storage), key).await?;
            work(reader).await
        };
        let result = result.await;
        storage.close().await.context("the storage did not close")?;
        result
    });
    Ok(result?)
}

fn in_use(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::InUse { path, holder } => anyhow!(
            "`{}` is in use by {holder}: stop the server first, or give an export as FILE",
            path.display()
        ),
        other => other.into(),
    }
}

/// Opening would make a storage that is not there.
fn check_exists(config: &Config) -> Result<(), Failure> {
    let options = &config.storage.options;
    let path = match config.storage.engine {
        StorageEngine::Sqlite => options.db_path.clone(),
        StorageEngine::File => options.data_dir.join("opspilot.log"),
        StorageEngine::Memory => {
            let text = "storage engine `memory` keeps no audit log: give an export as FILE";
            return Err(Failure::Usage(text.to_owned()));
        }
    };
    if path.exists() {
        return Ok(());
    }
    let text = format!(
        "there is no storage at `{}`: name the server's configuration with `--config`, or give an export as FILE",
        path.display()
    );
    Err(Failure::Usage(text))
}
