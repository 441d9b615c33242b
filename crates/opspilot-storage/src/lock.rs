//! One process per database: an advisory lock on a file beside it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use opspilot_core::storage::StorageError;
use rustix::fs::{FlockOperation, flock};

use crate::open::OpenError;

/// Holds the lock until it is dropped. The kernel releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct ProcessLock {
    _file: File,
}

impl ProcessLock {
    /// Locks `<path>.lock`, which will name this process.
    pub(crate) fn acquire(path: &Path) -> Result<Self, OpenError> {
        let lock_path = with_suffix(path, ".lock");
        let failed = |source| unavailable(format!("locking `{}`", lock_path.display()), source);
        let mut file = private_file()
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::InUse {
                    path: path.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(errno) => return Err(failed(errno.into()).into()),
        }
        file.set_len(0).map_err(failed)?;
        write!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Who wrote the lock file, as far as is known.
pub(crate) fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let is_read = file.rewind().is_ok() && file.take(20).read_to_string(&mut text).is_ok();
    match text.trim().parse::<u32>() {
        Ok(process) if is_read => format!("process {process}"),
        _ => "another process".to_owned(),
    }
}

/// `path` with `suffix` after its last component.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    text.into()
}

/// Options for a file that only its owner may read and write.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Creates a directory and its parents, for the owner only, if they are missing.
pub(crate) fn create_private_directory(path: &Path) -> Result<(), StorageError> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|source| unavailable(format!("creating `{}`", path.display()), source))
}

/// The error of an operation that the operating system refused.
pub(crate) fn unavailable(operation: String, source: io::Error) -> StorageError {
    StorageError::Unavailable {
        operation,
        source: source.into(),
    }
}
