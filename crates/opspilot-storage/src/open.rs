//! From the name in the configuration to an engine.

use std::path::PathBuf;
use std::sync::Arc;

use opspilot_core::storage::{MemoryStorage, SharedStorage, StorageError};

use crate::config::{Durability, Options};
use crate::file::FileStorage;
use crate::sqlite::SqliteStorage;

/// Opens the engine that `storage.engine` names: `memory`, `file` or `sqlite`.
///
/// Must be called within a tokio runtime that outlives the storage.
///
/// # Errors
/// When there is no such engine, another process uses its files, or they cannot be opened.
pub async fn open(
    engine: &str,
    options: &Options,
    durability: Durability,
) -> Result<SharedStorage, OpenError> {
    match engine {
        "memory" => Ok(Arc::new(MemoryStorage::new())),
        "file" => Ok(Arc::new(
            FileStorage::open(&options.data_dir, durability).await?,
        )),
        "sqlite" => Ok(Arc::new(
            SqliteStorage::open(&options.db_path, durability).await?,
        )),
        "database" | "postgres" => Err(OpenError::NotBuilt {
            engine: engine.to_owned(),
        }),
        _ => Err(OpenError::UnknownEngine {
            engine: engine.to_owned(),
        }),
    }
}

/// Why an engine was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No engine has this name.
    #[error("storage engine `{engine}` does not exist; choose `memory`, `file` or `sqlite`")]
    UnknownEngine {
        /// The name given.
        engine: String,
    },
    /// The engine is known and not part of this version.
    #[error(
        "storage engine `{engine}` is not part of this version; choose `sqlite` for one server"
    )]
    NotBuilt {
        /// The name given.
        engine: String,
    },
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
    use super::*;

    #[tokio::test]
    async fn an_unknown_engine_is_refused_with_those_there_are() {
        let options = Options::default();
        for (engine, expected) in [
            ("redis", "`memory`, `file` or `sqlite`"),
            ("database", "not part of this version"),
        ] {
            let error = open(engine, &options, Durability::Durable)
                .await
                .expect_err("is refused")
                .to_string();
            assert!(
                error.contains(expected) && error.contains(engine),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn each_engine_opens_where_its_options_say() {
        let directory = tempfile::tempdir().expect("makes a directory");
        let options = Options {
            db_path: directory.path().join("a/b.db"),
            data_dir: directory.path().join("c"),
        };
        for engine in ["memory", "file", "sqlite"] {
            let storage = open(engine, &options, Durability::Fast)
                .await
                .expect("opens");
            assert_eq!(storage.engine(), engine);
            storage.close().await.expect("closes");
        }
        assert!(options.db_path.exists() && options.data_dir.join("opspilot.log").exists());
    }
}
