//! A folder of its own for each test.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a configuration, logs and data; it is removed at the end.
#[derive(Debug)]
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self {
            // Nothing is read over the API in a folder that is hidden.
            folder: tempfile::Builder::new()
                .prefix("opspilot-")
                .tempdir()
                .expect("a temporary folder can be made"),
        }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a whole file.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a folder can be made");
        }
        fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// Adds to a file.
    pub(crate) fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name));
        file.and_then(|mut file| file.write_all(bytes.as_ref()))
            .expect("a file can be added to");
    }

    /// Reads a file; nothing if it is not there. Bytes that are not UTF-8 are replaced.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read(self.path(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Writes the configuration; JSON is YAML.
    pub(crate) fn configure(&self, settings: &Value) -> PathBuf {
        self.write(
            "config.yaml",
            serde_json::to_string_pretty(settings).expect("JSON values have a text"),
        )
    }

    /// The notifications that the file channel wrote, oldest first.
    pub(crate) fn notifications(&self) -> Vec<Value> {
        let text = self.read("notifications.jsonl");
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}
