//! The options of `connector.journald`.

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use schemars::JsonSchema;
use serde::Deserialize;

use super::filter::Filter;

/// The options of `connector.journald`.
///
/// ```
/// # let config: opspilot_connectors::journald::Config = serde_saphyr::from_str(r#"
/// units: [nginx.service, "app-*.service"]
/// priorities: [0, 1, 2, 3, 4]
/// matches: ["_TRANSPORT=journal", "_TRANSPORT=syslog"]
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// How the journal is read: `native` through libsystemd (needs the cargo feature `journald`), `journalctl` through
    /// that program, `auto` the first of them that there is.
    pub backend: Backend,
    /// The name that records carry as their source.
    pub source: String,
    /// The units whose entries are read, by name (`nginx` means `nginx.service`) or glob; empty means everything.
    pub units: Vec<String>,
    /// The priorities that are read, each 0 (emergency) to 7 (debug); empty means all. An entry without one counts
    /// as 6.
    pub priorities: Vec<u8>,
    /// Fields that an entry must have, as `FIELD=value`. Values of one field are alternatives; different fields must
    /// all match.
    pub matches: Vec<String>,
    /// At the first start, read what was written since the machine started; otherwise, only what comes.
    pub since_boot: bool,
    /// The journal namespace (journald's `LogNamespace=`); empty means the default one.
    pub namespace: String,
    /// A folder of journal files to read in place of the machine's own; empty means its own.
    pub directory: String,
    /// The program of the backend `journalctl`, as an absolute path.
    pub journalctl_path: String,
    /// The longest message in bytes, 1024 to 1048576. What is longer is cut, and counted.
    #[schemars(range(min = 1024, max = 1_048_576))]
    pub max_message_length: usize,
    /// The most entries of one batch, 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_entries_per_poll: usize,
    /// How often the native backend looks where the kernel does not tell of changes (network file systems), in
    /// milliseconds, 500 to 60000. `journalctl` follows by itself.
    #[schemars(range(min = 500, max = 60_000))]
    pub poll_interval_ms: u64,
}

/// How the journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Backend {
    /// `native` where it is built in, else `journalctl`.
    #[default]
    Auto,
    /// Through libsystemd.
    Native,
    /// Through the program `journalctl`.
    Journalctl,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            source: "journald".to_owned(),
            units: Vec::new(),
            priorities: (0..=6).collect(),
            matches: Vec::new(),
            since_boot: true,
            namespace: String::new(),
            directory: String::new(),
            journalctl_path: "/usr/bin/journalctl".to_owned(),
            max_message_length: 65_536,
            max_entries_per_poll: 500,
            poll_interval_ms: 2000,
        }
    }
}

impl Config {
    /// Checks the options and compiles the filter.
    pub(super) fn check(&self) -> Result<Filter, BuildError> {
        let mut faults: Vec<BuildError> = self.ranges().chain(self.places()).collect();
        let filter = Filter::parse(self).map_err(|fault| faults.push(fault));
        match (BuildError::join(faults), filter) {
            (None, Ok(filter)) => Ok(filter),
            (Some(fault), _) => Err(fault),
            (None, Err(())) => Err(fault(&["units"], "cannot be used")),
        }
    }

    /// True if the native reader is to be used.
    pub(super) const fn is_native(&self) -> bool {
        match self.backend {
            Backend::Auto => cfg!(feature = "journald"),
            Backend::Native => true,
            Backend::Journalctl => false,
        }
    }

    /// Which journal is read: positions in one mean nothing in another.
    pub(super) fn journal(&self) -> String {
        match (self.namespace.as_str(), self.directory.as_str()) {
            ("", "") => "system".to_owned(),
            (namespace, "") => format!("namespace {namespace}"),
            (namespace, directory) => format!("folder {directory} {namespace}")
                .trim_end()
                .to_owned(),
        }
    }

    fn ranges(&self) -> impl Iterator<Item = BuildError> {
        let ranges = [
            (
                "maxMessageLength",
                self.max_message_length as u64,
                1024,
                1 << 20,
            ),
            (
                "maxEntriesPerPoll",
                self.max_entries_per_poll as u64,
                1,
                10_000,
            ),
            ("pollIntervalMs", self.poll_interval_ms, 500, 60_000),
        ];
        let wrong = ranges
            .into_iter()
            .filter(|(_, value, least, most)| !(least..=most).contains(&value));
        wrong.map(|(key, value, least, most)| {
            fault(&[key], &format!("is {value}, must be {least} to {most}"))
        })
    }

    fn places(&self) -> impl Iterator<Item = BuildError> {
        let is_name = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let namespace = (!is_name(&self.namespace)).then(|| {
            let message = format!(
                "`{}` is not a name of letters, digits, `-`, `_` and `.`",
                self.namespace
            );
            fault(&["namespace"], &message)
        });
        let native = (self.backend == Backend::Native && cfg!(not(feature = "journald"))).then(|| {
            fault(
                &["backend"],
                "`native` is not built in: build with the feature `journald`, or use `auto` or `journalctl`",
            )
        });
        let both = (!self.namespace.is_empty() && !self.directory.is_empty())
            .then(|| fault(&["directory"], "cannot be used together with `namespace`"));
        let absolute = [
            ("directory", self.directory.as_str()),
            ("journalctlPath", self.journalctl_path.as_str()),
        ];
        let relative = absolute
            .into_iter()
            .filter(|(key, path)| {
                !path.starts_with('/') && (!path.is_empty() || *key == "journalctlPath")
            })
            .map(|(key, path)| fault(&[key], &format!("`{path}` is not an absolute path")));
        relative.chain(namespace).chain(native).chain(both)
    }
}

pub(super) fn fault(key: &[&str], message: &str) -> BuildError {
    BuildError::option(KeyPath::of(key.iter().copied()), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named() {
        for (yaml, expected) in [
            (
                "{maxMessageLength: 1}",
                "maxMessageLength: is 1, must be 1024 to 1048576",
            ),
            (
                "{maxEntriesPerPoll: 0}",
                "maxEntriesPerPoll: is 0, must be 1 to 10000",
            ),
            (
                "{pollIntervalMs: 1}",
                "pollIntervalMs: is 1, must be 500 to 60000",
            ),
            (
                "{priorities: [3, 9]}",
                "priorities[1]: is 9, must be 0 to 7",
            ),
            ("{units: ['a[']}", "units[0]: `a[` is not a glob"),
            (
                "{units: ['--file=x']}",
                "units[0]: `--file=x` is not the name of a unit",
            ),
            ("{matches: [PRIORITY=3]}", "matches[0]: use `priorities`"),
            (
                "{matches: ['--file=x']}",
                "matches[0]: `--file=x` is not of the form `FIELD=value`",
            ),
            ("{namespace: 'a b'}", "namespace: `a b` is not a name"),
            ("{directory: x}", "directory: `x` is not an absolute path"),
            (
                "{directory: /x, namespace: y}",
                "directory: cannot be used together",
            ),
            (
                "{journalctlPath: journalctl}",
                "journalctlPath: `journalctl` is not an absolute path",
            ),
        ] {
            let config: Config = serde_saphyr::from_str(yaml).unwrap();
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{yaml}: {message}");
        }
    }

    #[test]
    fn the_keys_of_the_first_version_still_work() {
        let yaml = "{pollIntervalMs: 2000, source: journald, units: [], priorities: [], maxEntriesPerPoll: 500, sinceBoot: true}";
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        config.check().unwrap();
    }
}
