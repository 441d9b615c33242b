//! The options of `connector.fileTail`.

use std::time::Duration;

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use regex::bytes::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::multiline::Joiner;
use super::paths::Paths;

/// The options of `connector.fileTail`.
///
/// ```
/// # let config: opspilot_connectors::file_tail::Config = serde_saphyr::from_str(r#"
/// paths: ["/var/log/syslog", "/var/log/app/*.log"]
/// exclude: ["**/*.debug.log"]
/// fromBeginning: false
/// multiline: { mode: auto }
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// One file, as a path or a glob (`*`, `?`, `[a-z]`, `{a,b}`, and `**` for any folders). At least one of `path`
    /// and `paths` is needed.
    pub path: Option<String>,
    /// More files, as paths or globs. New files that match are picked up.
    pub paths: Vec<String>,
    /// Globs of whole paths that are left out.
    pub exclude: Vec<String>,
    /// How the bytes of the files are to be read. `utf-8` and `ascii` pass them on as they are; `latin1` makes UTF-8
    /// of them.
    pub encoding: Encoding,
    /// How often files are looked at where the file system does not tell of changes, in milliseconds, 10 to 60000.
    #[schemars(range(min = 10, max = 60_000))]
    pub poll_interval_ms: u64,
    /// Read what is in a file when it is first seen at the first start. Files that appear later are always read from
    /// their beginning.
    pub from_beginning: bool,
    /// More paths or globs, whose files are read from their beginning at the first start as well.
    pub from_beginning_paths: Vec<String>,
    /// The longest line in bytes, 80 to 1048576. What is longer is cut, and counted.
    #[schemars(range(min = 80, max = 1_048_576))]
    pub max_line_length: usize,
    /// How changes are noticed: `auto` polls network file systems only.
    pub watch: WatchMode,
    /// How lines are joined into records.
    pub multiline: Multiline,
    /// How long an unfinished last line waits for its line end, in milliseconds, 100 to 60000. Then it is a record; what
    /// arrives later is a record of its own.
    #[schemars(range(min = 100, max = 60_000))]
    pub partial_line_ms: u64,
    /// How long a rotated file is read on at least, and one that cannot be found is looked for, in milliseconds, 100 to
    /// 600000.
    #[schemars(range(min = 100, max = 600_000))]
    pub rotate_wait_ms: u64,
    /// How many times its size a compressed file may decompress to, 10 to 10000; 64 MiB are always allowed.
    #[schemars(range(min = 10, max = 10_000))]
    pub max_archive_ratio: u64,
}

/// The encodings of log files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8; other bytes are kept.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ASCII; other bytes are kept.
    #[serde(rename = "ascii")]
    Ascii,
    /// ISO 8859-1.
    #[serde(rename = "latin1")]
    Latin1,
}

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WatchMode {
    /// By notification, or by polling on a network file system.
    #[default]
    Auto,
    /// By notification.
    Notify,
    /// By polling.
    Poll,
}

/// How lines are joined into records.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Multiline {
    /// The rule.
    pub mode: MultilineMode,
    /// A regular expression, for the modes `start` and `continue`.
    pub pattern: Option<String>,
    /// How long the last record waits for more lines, in milliseconds, 10 to 60000.
    #[schemars(range(min = 10, max = 60_000))]
    pub flush_ms: u64,
    /// The most lines of one record, 2 to 10000. A record is also at most 256 KiB long, or as long as a line may be.
    #[schemars(range(min = 2, max = 10_000))]
    pub max_lines: usize,
}

/// The rules that join lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MultilineMode {
    /// Every line is a record.
    #[default]
    Off,
    /// A stack trace of Java, Python, Go, Rust or Node is one record.
    Auto,
    /// A line that matches `pattern` starts a record; the others belong to the one before.
    Start,
    /// A line that matches `pattern` belongs to the record before.
    Continue,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: None,
            paths: Vec::new(),
            exclude: Vec::new(),
            encoding: Encoding::default(),
            poll_interval_ms: 1000,
            from_beginning: false,
            from_beginning_paths: Vec::new(),
            max_line_length: 65536,
            watch: WatchMode::default(),
            multiline: Multiline::default(),
            partial_line_ms: 1000,
            rotate_wait_ms: 5000,
            max_archive_ratio: 200,
        }
    }
}

impl Default for Multiline {
    fn default() -> Self {
        Self {
            mode: MultilineMode::default(),
            pattern: None,
            flush_ms: 250,
            max_lines: 500,
        }
    }
}

/// Options that were checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) paths: Paths,
    pub(super) joiner: Option<Joiner>,
}

impl Config {
    /// Checks the options against their ranges and compiles what can be compiled.
    pub(super) fn check(&self) -> Result<Checked, BuildError> {
        let mut faults: Vec<BuildError> = self.ranges().collect();
        let paths = self.compile_paths().map_err(|fault| faults.push(fault));
        let joiner = self.multiline.joiner().map_err(|fault| faults.push(fault));
        match (BuildError::join(faults), paths, joiner) {
            (None, Ok(paths), Ok(joiner)) => Ok(Checked { paths, joiner }),
            (Some(fault), ..) => Err(fault),
            (None, ..) => Err(fault(&["path"], "cannot be used")),
        }
    }

    /// The configured paths and globs.
    pub(super) fn patterns(&self) -> Vec<&str> {
        self.path
            .iter()
            .chain(&self.paths)
            .chain(&self.from_beginning_paths)
            .map(String::as_str)
            .collect()
    }

    /// From which of [`Config::patterns`] on files are read from their beginning at the first start.
    pub(super) fn first_from_beginning(&self) -> usize {
        if self.from_beginning {
            return 0;
        }
        self.patterns().len() - self.from_beginning_paths.len()
    }

    /// How long an unfinished line waits.
    pub(super) const fn line_patience(&self) -> Duration {
        Duration::from_millis(self.partial_line_ms)
    }

    fn ranges(&self) -> impl Iterator<Item = BuildError> {
        let ranges: [(&[&str], u64, u64, u64); 7] = [
            (&["pollIntervalMs"], self.poll_interval_ms, 10, 60_000),
            (&["maxLineLength"], self.max_line_length as u64, 80, 1 << 20),
            (&["partialLineMs"], self.partial_line_ms, 100, 60_000),
            (&["rotateWaitMs"], self.rotate_wait_ms, 100, 600_000),
            (&["maxArchiveRatio"], self.max_archive_ratio, 10, 10_000),
            (
                &["multiline", "flushMs"],
                self.multiline.flush_ms,
                10,
                60_000,
            ),
            (
                &["multiline", "maxLines"],
                self.multiline.max_lines as u64,
                2,
                10_000,
            ),
        ];
        let wrong = ranges
            .into_iter()
            .filter(|(_, value, least, most)| !(least..=most).contains(&value));
        wrong.map(|(key, value, least, most)| {
            fault(key, &format!("is {value}, must be {least} to {most}"))
        })
    }

    fn compile_paths(&self) -> Result<Paths, BuildError> {
        let patterns = self.patterns();
        if patterns.iter().all(|pattern| pattern.is_empty()) {
            return Err(fault(
                &["path"],
                "is missing: name a file or a glob, here or in `paths`",
            ));
        }
        if let Some(relative) = patterns.iter().find(|pattern| pattern.is_empty()) {
            return Err(fault(
                &["paths"],
                &format!("holds the empty path `{relative}`"),
            ));
        }
        let key = |text: &str| {
            if self.exclude.iter().any(|glob| glob == text) {
                "exclude"
            } else {
                "paths"
            }
        };
        Paths::parse(&patterns, &self.exclude).map_err(|(text, error)| {
            fault(&[key(&text)], &format!("`{text}` is not a glob: {error}"))
        })
    }
}

impl Multiline {
    fn joiner(&self) -> Result<Option<Joiner>, BuildError> {
        let key = ["multiline", "pattern"];
        let pattern = || {
            let text = self
                .pattern
                .as_deref()
                .ok_or_else(|| fault(&key, "is missing for this mode"))?;
            Regex::new(text)
                .map_err(|error| fault(&key, &format!("is not a regular expression: {error}")))
        };
        match self.mode {
            MultilineMode::Off | MultilineMode::Auto if self.pattern.is_some() => Err(fault(
                &key,
                "has no meaning unless `mode` is `start` or `continue`",
            )),
            MultilineMode::Off => Ok(None),
            MultilineMode::Auto => Ok(Some(Joiner::traces(self.max_lines))),
            MultilineMode::Start => Ok(Some(Joiner::start(pattern()?, self.max_lines))),
            MultilineMode::Continue => Ok(Some(Joiner::continuing(pattern()?, self.max_lines))),
        }
    }
}

fn fault(key: &[&str], message: &str) -> BuildError {
    BuildError::option(KeyPath::of(key.iter().copied()), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(yaml: &str) -> String {
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn every_fault_is_named() {
        for (yaml, expected) in [
            ("{}", "path: is missing"),
            (
                "{path: /x, maxLineLength: 10}",
                "maxLineLength: is 10, must be 80 to 1048576",
            ),
            ("{path: '/x[', pollIntervalMs: 5}", "pollIntervalMs: is 5"),
            ("{path: '/x['}", "paths: `/x[` is not a glob"),
            ("{path: /x, exclude: ['[']}", "exclude: `[` is not a glob"),
            (
                "{path: /x, multiline: {mode: start}}",
                "multiline.pattern: is missing",
            ),
            (
                "{path: /x, multiline: {pattern: x}}",
                "multiline.pattern: has no meaning",
            ),
            (
                "{path: /x, multiline: {mode: continue, pattern: '('}}",
                "not a regular expression",
            ),
        ] {
            let message = fault_of(yaml);
            assert!(message.contains(expected), "{yaml}: {message}");
        }
    }
}
