//! The root sections of the configuration, with their keys and defaults.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::Auth;
use super::fault::{Fault, KeyPath, Origin};
use super::tree::Node;

/// The keys at the root of a configuration file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Root {
    /// What this installation is called.
    pub(crate) system: System,
    /// Where facts are kept.
    pub(crate) storage: Storage,
    /// What the program writes about itself.
    pub(crate) logging: Logging,
    /// Who may do what.
    pub(crate) auth: Auth,
    /// How long it is kept who did what.
    pub(crate) audit: Audit,
    /// The options of each module, by module id.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    modules: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
    /// Folder with plug-in executables; no plug-ins if absent.
    pub(crate) plugins_dir: Option<PathBuf>,
}

/// `system`: what this installation is called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct System {
    /// Name shown to people. Default `OpsPilot`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// What the installation is for. Default `development`.
    pub environment: Stage,
    /// Accepted for files of earlier versions and not used: each module has its own port.
    pub port: Option<NonZeroU16>,
}

impl Default for System {
    fn default() -> Self {
        Self {
            name: "OpsPilot".to_owned(),
            environment: Stage::Development,
            port: None,
        }
    }
}

/// What an installation is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Somebody's own machine.
    #[default]
    Development,
    /// A rehearsal of production.
    Staging,
    /// The real thing.
    Production,
}

/// `storage`: where facts are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Storage {
    /// The engine. Default `sqlite`.
    pub engine: StorageEngine,
    /// What a commit promises. Default `durable`.
    pub durability: Durability,
    /// Where the engine keeps its files.
    pub options: StorageOptions,
}

/// How facts are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StorageEngine {
    /// An embedded SQLite database.
    #[default]
    Sqlite,
    /// An append-only log file.
    File,
    /// Nothing survives the process.
    Memory,
}

/// What a commit promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Durability {
    /// What is committed survives a power cut.
    #[default]
    Durable,
    /// What is committed survives the end of the process, not a power cut.
    Fast,
}

/// `storage.options`: where an engine keeps its files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StorageOptions {
    /// Database file of the `sqlite` engine. Default `./data/opspilot.db`.
    pub db_path: PathBuf,
    /// Folder of the `file` engine and of everything else that is kept. Default `./data`.
    pub data_dir: PathBuf,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            db_path: "./data/opspilot.db".into(),
            data_dir: "./data".into(),
        }
    }
}

/// `logging`: what the program writes about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Logging {
    /// The least important message that is written. Default `info`.
    pub level: LogLevel,
    /// Levels by module and part, in place of `level`: `opspilot=info,opspilot_http=debug`, or
    /// `opspilot=info,[module{id="connector.fileTail"}]=debug`. `OPSPILOT_LOG` wins over it. No default.
    pub filter: Option<String>,
    /// How a message is written. Default `text`.
    pub format: LogFormat,
    /// Where messages go. Default `console`.
    pub output: LogOutput,
    /// The file for `output: file`. No default.
    pub file: Option<PathBuf>,
    /// Size in bytes at which a new log file is begun. At least 1024, default 10 MiB.
    #[schemars(range(min = 1024))]
    pub max_file_size: u64,
    /// How many full log files are kept. 1 to 100, default 5.
    #[schemars(range(min = 1, max = 100))]
    pub max_files: u32,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            filter: None,
            format: LogFormat::Text,
            output: LogOutput::Console,
            file: None,
            max_file_size: 10 * 1024 * 1024,
            max_files: 5,
        }
    }
}

/// How important a message is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// One message per batch and more.
    Debug,
    /// Life-cycle and operator actions.
    #[default]
    Info,
    /// Unexpected but recovered.
    Warn,
    /// Data lost, or a human is needed.
    Error,
}

/// How a message is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Where messages go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LogOutput {
    /// The terminal.
    #[default]
    Console,
    /// The file of `logging.file`.
    File,
}

/// `audit`: how long it is kept who did what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Audit {
    /// After how many days entries are removed from the audit log; 0 keeps them for ever. 0 to 36500, default 0.
    #[schemars(range(max = 36_500))]
    pub retention_days: u32,
}

impl Audit {
    /// How long entries are kept; `None` for ever.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        let days = Some(self.retention_days).filter(|days| *days > 0);
        days.map(|days| Duration::from_hours(24 * u64::from(days)))
    }
}

impl Root {
    /// What is wrong between keys that are each right for themselves.
    pub(crate) fn contradictions(&self, tree: &Node) -> Vec<Fault> {
        let mut faults = self.auth.contradictions(tree);
        faults.extend(self.output_without_file(tree));
        faults
    }

    fn output_without_file(&self, tree: &Node) -> Option<Fault> {
        if self.logging.output == LogOutput::File && self.logging.file.is_none() {
            let key = ["logging", "output"];
            let origin = tree
                .at(key)
                .map_or(Origin::Inline, |node| node.origin.clone());
            let message = "messages go to a file, but `logging.file` names none";
            let fault = Fault::new(origin, KeyPath::of(key), message);
            return Some(fault.help("add `file: ./logs/opspilot.log` under `logging`"));
        }
        None
    }
}
