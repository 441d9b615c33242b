//! The options of `connector.metrics`.

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use schemars::JsonSchema;
use serde::Deserialize;

/// The options of `connector.metrics`.
///
/// ```
/// # let config: opspilot_connectors::metrics::Config = serde_saphyr::from_str(r#"
/// intervalMs: 10000
/// enabledMetrics: [cpu, memory, loadAvg, fileSystems, processes]
/// thresholds: { cpuPercent: 90, memoryPercent: 90 }
/// processes: { top: 5, watch: [nginx] }
/// view: host
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The time between two readings in milliseconds, 1000 to 3600000. The first comes after one interval.
    #[schemars(range(min = 1000, max = 3_600_000))]
    pub interval_ms: u64,
    /// What is read.
    pub enabled_metrics: Vec<Group>,
    /// From where on a reading is told in a line `[WARNING]` too.
    pub thresholds: Thresholds,
    /// The name of the source of the lines.
    pub source: String,
    /// What is told of processes.
    pub processes: Processes,
    /// Whose processor time, memory, disks, processes and pressure are told.
    pub view: View,
    /// With `view: cgroup`: which cgroup, as a path below the place where cgroup v2 is mounted, such as
    /// `/system.slice/nginx.service`. Empty: the one that OpsPilot runs in.
    pub cgroup: String,
}

/// Whose figures are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum View {
    /// Those of the whole machine.
    #[default]
    Host,
    /// Those of a cgroup, measured against its limits. Of its processes only the number is told. What has no cgroup
    /// (load, uptime, file systems, network, open files) stays that of the machine or the container.
    Cgroup,
}

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Group {
    /// Processor time, in total and of each core.
    Cpu,
    /// Memory, swap, and the pressure on memory.
    Memory,
    /// The load averages.
    LoadAvg,
    /// The time since the machine started.
    Uptime,
    /// How full local file systems are.
    FileSystems,
    /// What disks do.
    Disks,
    /// What network interfaces do.
    Network,
    /// How many processes there are, the largest, and those that are watched.
    Processes,
    /// The pressure on processors and disks.
    Pressure,
    /// How many files are open in the whole system.
    FileDescriptors,
}

/// From where on a reading is told in a line `[WARNING]` too.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Thresholds {
    /// Processor time in percent, 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    pub cpu_percent: f64,
    /// Memory in percent, 0 to 100.
    #[schemars(range(min = 0, max = 100))]
    pub memory_percent: f64,
}

/// What is told of processes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Processes {
    /// How many of the largest are told, by processor time and by memory, 0 to 100.
    #[schemars(range(max = 100))]
    pub top: usize,
    /// The names of processes that should be there. The kernel keeps 15 bytes of a name.
    pub watch: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_ms: 10_000,
            enabled_metrics: vec![Group::Cpu, Group::Memory, Group::LoadAvg],
            thresholds: Thresholds::default(),
            source: "system-metrics".to_owned(),
            processes: Processes::default(),
            view: View::Host,
            cgroup: String::new(),
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            cpu_percent: 90.0,
            memory_percent: 90.0,
        }
    }
}

impl Default for Processes {
    fn default() -> Self {
        Self {
            top: 5,
            watch: Vec::new(),
        }
    }
}

impl Config {
    /// Checks the options against their ranges.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let percent = |value: f64| (0.0..=100.0).contains(&value);
        let rows = [
            (
                &["intervalMs"][..],
                (1000..=3_600_000).contains(&self.interval_ms),
                "must be 1000 to 3600000",
            ),
            (
                &["thresholds", "cpuPercent"],
                percent(self.thresholds.cpu_percent),
                "must be 0 to 100",
            ),
            (
                &["thresholds", "memoryPercent"],
                percent(self.thresholds.memory_percent),
                "must be 0 to 100",
            ),
            (
                &["processes", "top"],
                self.processes.top <= 100,
                "must be 0 to 100",
            ),
            (
                &["source"],
                !self.source.is_empty(),
                "is empty: give the lines a name",
            ),
            (
                &["cgroup"],
                self.cgroup.is_empty() || self.view == View::Cgroup,
                "is for `view: cgroup`: set that, or leave this out",
            ),
            (
                &["cgroup"],
                self.cgroup.is_empty() || is_path(&self.cgroup),
                "must start with `/` and have no `..`",
            ),
            (
                &["processes", "watch"],
                self.processes.watch.is_empty() || self.view == View::Host,
                "is for `view: host`: leave it out",
            ),
        ];
        let wrong = rows.into_iter().filter(|(_, is_right, _)| !is_right);
        let faults = wrong
            .map(|(key, _, message)| BuildError::option(KeyPath::of(key.iter().copied()), message));
        BuildError::join(faults).map_or(Ok(()), Err)
    }

    /// True if `group` is read.
    pub(super) fn has(&self, group: Group) -> bool {
        self.enabled_metrics.contains(&group)
    }
}

fn is_path(cgroup: &str) -> bool {
    cgroup.starts_with('/') && !cgroup.split('/').any(|part| part == "..")
}
