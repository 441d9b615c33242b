//! What of this machine belongs to the server alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::disk::folder;
use super::{ConfigFile, Inner};
use crate::config::{ConfigErrors, secret_files};

/// Folders and files that nobody reads or writes by way of the API. The paths are as they were written: relative ones count
/// from the working directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guarded {
    /// Folders with all that is in them.
    pub folders: Vec<PathBuf>,
    /// Single files.
    pub files: Vec<PathBuf>,
}

impl ConfigFile {
    /// The server's data, its configuration, and the files of keys, tokens and certificates that this names.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub async fn guarded(&self) -> Result<Guarded, ConfigErrors> {
        self.blocking(Inner::guarded).await
    }
}

impl Inner {
    fn guarded(&self) -> Result<Guarded, ConfigErrors> {
        let path = &self.source.path;
        let text = self.place().read()?.unwrap_or_default();
        let mut guarded = Guarded {
            folders: Vec::new(),
            files: vec![path.clone(), beside(path, ".previous")],
        };
        guarded.files.extend(secret_files(&text, folder(path)));
        // What runs, and what the file says by now.
        let saved = self.load(&text).ok().map(|loaded| loaded.config);
        let configs = [self.system.config(), saved.map(std::sync::Arc::new)];
        for config in configs.into_iter().flatten() {
            guarded
                .folders
                .push(config.storage.options.data_dir.clone());
            guarded.files.extend(config.named_files());
        }
        Ok(guarded)
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
