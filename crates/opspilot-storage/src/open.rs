//! From the configuration to an engine.

use std::path::PathBuf;
use std::sync::Arc;

use opspilot_core::config::{Storage, StorageEngine};
use opspilot_core::storage::{MemoryStorage, SharedStorage, StorageError};

use crate::file::FileStorage;
use crate::sqlite::SqliteStorage;

/// Opens the engine that the section `storage` of a configuration names.
///
/// Must be called within a tokio runtime that outlives the storage.
///
/// # Errors
/// When another process uses the engine's files, or they cannot be opened.
pub async fn open(section: &Storage) -> Result<SharedStorage, OpenError> {
    let Storage {
        engine,
        durability,
        options,
    } = section;
    Ok(match engine {
        StorageEngine::Memory => Arc::new(MemoryStorage::new()),
        StorageEngine::File => Arc::new(FileStorage::open(&options.data_dir, *durability).await?),
        StorageEngine::Sqlite => {
            Arc::new(SqliteStorage::open(&options.db_path, *durability).await?)
        }
    })
}

/// Why an engine was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the files open.
    #[error("`{}` is in use by {holder}; stop it, or give this server a path of its own", path.display())]
    InUse {
        /// The database or directory.
        path: PathBuf,
        /// Who uses it, as far as is known.
        holder: String,
    },
    /// The files cannot be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

#[cfg(test)]
mod tests {
    use opspilot_core::config::{Durability, StorageOptions as Options};

    use super::*;

    #[tokio::test]
    async fn each_engine_opens_where_its_options_say() {
        let directory = tempfile::tempdir().expect("makes a directory");
        let options = Options {
            db_path: directory.path().join("a/b.db"),
            data_dir: directory.path().join("c"),
        };
        for (engine, name) in [
            (StorageEngine::Memory, "memory"),
            (StorageEngine::File, "file"),
            (StorageEngine::Sqlite, "sqlite"),
        ] {
            let section = Storage {
                engine,
                durability: Durability::Fast,
                options: options.clone(),
            };
            let storage = open(&section).await.expect("opens");
            assert_eq!(storage.engine(), name);
            storage.close().await.expect("closes");
        }
        assert!(options.db_path.exists() && options.data_dir.join("opspilot.log").exists());
    }
}
