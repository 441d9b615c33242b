//! SQLite's errors in the terms of the trait.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use opspilot_core::storage::StorageError;

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`, <https://www.sqlite.org/rescode.html>.
const CORRUPT: [i32; 2] = [11, 26];

/// Turns errors of one database into storage errors.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    file: Arc<str>,
}

impl Faults {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            file: path.display().to_string().into(),
        }
    }

    pub(super) fn error(&self, operation: &str, error: sqlx::Error) -> StorageError {
        self.shared(operation, &Arc::new(error))
    }

    /// As [`Faults::error`], where many callers fail for one reason.
    pub(super) fn shared(&self, operation: &str, error: &Arc<sqlx::Error>) -> StorageError {
        if matches!(**error, sqlx::Error::PoolClosed) {
            return StorageError::Closed;
        }
        if primary_code(error).is_some_and(|code| CORRUPT.contains(&code)) {
            return self.corrupt(&error.to_string());
        }
        let source: Box<dyn Error + Send + Sync> = Box::new(Arc::clone(error));
        StorageError::Unavailable {
            operation: format!("{operation} `{}`", self.file),
            source,
        }
    }

    pub(super) fn corrupt(&self, detail: &str) -> StorageError {
        StorageError::Corrupt {
            what: format!("database `{}`", self.file),
            detail: format!("{detail}; restore a backup, or move the file away to start empty"),
        }
    }

    pub(super) fn too_new(&self, found: i64, known: i64) -> StorageError {
        StorageError::TooNew {
            what: format!("database `{}`", self.file),
            found,
            known,
        }
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
