//! The options of the engines.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the engines keep their files; an engine ignores the path of another.
///
/// ```
/// # use opspilot_storage::Options;
/// let options: Options = serde_json::from_str(r#"{"dbPath": "/var/lib/opspilot/opspilot.db"}"#)?;
/// assert_eq!(options.data_dir.to_str(), Some("./data"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Options {
    /// The database file of `sqlite`; default `./data/opspilot.db`. Its directory is created, for the owner only.
    pub db_path: PathBuf,
    /// The directory of `file`; default `./data`. It is created, for the owner only.
    pub data_dir: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            db_path: "./data/opspilot.db".into(),
            data_dir: "./data".into(),
        }
    }
}

/// What a successful write promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Durability {
    /// It survives a loss of power: every group of writes is flushed to the disk.
    #[default]
    Durable,
    /// It survives the end of the process; a loss of power may take the last seconds, never tear a write.
    Fast,
}
