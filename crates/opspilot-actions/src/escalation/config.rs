//! The options.

mod check;
mod people;

use std::collections::BTreeSet;

use opspilot_core::config::KeyPath;
use opspilot_core::incident::{Severity, Status};
use opspilot_core::module::BuildError;
use opspilot_core::oncall::{Person, Weekday};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use check::check;

/// The options of `action.escalation`.
///
/// ```yaml
/// modules:
///   action.escalation:
///     people:
///       - { id: alice, name: Alice, channels: [alice-hook], timeZone: Europe/Berlin }
///       - { id: bob, channels: [bob-hook] }
///     schedules:
///       - id: primary
///         timeZone: Europe/Berlin
///         layers:
///           - { people: [alice, bob], start: 2026-01-05T09:00, every: { weeks: 1 } }
///         overrides:
///           - { from: 2026-12-24T09:00, until: 2026-12-27T09:00, person: bob }
///     policies:
///       - id: critical
///         matchSeverity: [critical]
///         levels:
///           - { level: 1, afterMs: 300000, notify: ["schedule:primary"] }
///           - { level: 2, afterMs: 900000, notify: [alice, bob], repeat: true, repeatIntervalMs: 600000 }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// While something is to come, the clock is looked at after this many milliseconds at the latest, so that a clock
    /// that was set, or a machine that slept, is noticed. Levels are told at their time, whatever stands here.
    #[schemars(range(min = 1_000))]
    pub check_interval_ms: u64,
    /// Which incidents are escalated, when and to whom. The first policy that matches an incident is its policy; an
    /// incident that none matches is not escalated.
    pub policies: Vec<PolicyConfig>,
    /// How many incidents are escalated at the same time. Beyond that the one that arrived first makes room; it is counted
    /// and makes the module degraded.
    #[schemars(range(min = 10))]
    pub max_tracked_incidents: usize,
    /// The statuses that end an escalation.
    pub resolved_statuses: Vec<Status>,
    /// An acknowledged incident is not escalated; the time until it is open again, or overdue, does not count.
    pub acknowledged_pauses_escalation: bool,
    /// An incident that is acknowledged and not resolved for this many milliseconds is escalated all the same: its present
    /// level is told again. A comment or an assignment starts the time again. 0 is never.
    pub acknowledge_timeout_ms: u64,
    /// The people who can be told.
    pub people: Vec<Person>,
    /// Who is on call, by time.
    pub schedules: Vec<ScheduleConfig>,
}

/// Which incidents are escalated, when and to whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyConfig {
    /// Its id, unique among the policies.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The severities that it matches; all by default.
    #[serde(default)]
    pub match_severity: Vec<Severity>,
    /// A regular expression that the title must match, letters of either case; every title by default.
    #[serde(default)]
    pub match_title_pattern: Option<String>,
    /// The levels, told one after the other.
    #[schemars(length(min = 1))]
    pub levels: Vec<LevelConfig>,
}

/// Who is told when nobody took the incident for some time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LevelConfig {
    /// The number of the level, unique in its policy.
    #[schemars(range(min = 1))]
    pub level: u32,
    /// How many milliseconds after the incident arrived it is told.
    #[schemars(range(min = 1_000))]
    pub after_ms: u64,
    /// Who is told: `person:<id>`, `schedule:<id>` (whoever is on call), `channel:<id>`, or a bare word, which is looked
    /// for in that order. A word that is none of them is a label: it is told on every channel that listens to
    /// `incident.escalated`, if no other target names a channel.
    pub notify: Vec<String>,
    /// Tell this level again and again; needs `repeatIntervalMs`.
    #[serde(default)]
    pub repeat: bool,
    /// How many milliseconds lie between two times.
    #[serde(default)]
    #[schemars(range(min = 1_000))]
    pub repeat_interval_ms: Option<u64>,
    /// How many times it is told again at most.
    #[serde(default = "twelve")]
    pub max_repeats: u32,
}

/// Who is on call, by time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Its id, unique among the schedules.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The zone of all local times of the schedule, for example `Europe/Berlin`.
    pub time_zone: String,
    /// The rotations. At any time the first that has somebody decides.
    #[schemars(length(min = 1))]
    pub layers: Vec<LayerConfig>,
    /// Stand-ins, which come before all layers. Where they overlap, the last decides; those that are entered at run time
    /// come before all of these.
    #[serde(default)]
    pub overrides: Vec<OverrideConfig>,
}

/// People who take turns.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LayerConfig {
    /// The ids of the people, in the order of their turns.
    #[schemars(length(min = 1))]
    pub people: Vec<String>,
    /// When the first turn begins, in local time, for example `2026-01-05T09:00`. Hand-overs keep that time of the day
    /// when clocks are changed; one whose time is skipped happens when the clocks jump, and one whose time comes twice
    /// happens the first time.
    pub start: String,
    /// How long a turn is.
    pub every: Every,
    /// When the layer has anybody at all; always by default.
    #[serde(default)]
    pub restrict: Option<RestrictConfig>,
}

/// The length of a turn, in exactly one unit.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Every {
    /// So many hours.
    #[schemars(range(min = 1, max = 100_000))]
    pub hours: Option<u32>,
    /// So many days.
    #[schemars(range(min = 1, max = 10_000))]
    pub days: Option<u32>,
    /// So many weeks.
    #[schemars(range(min = 1, max = 1_000))]
    pub weeks: Option<u32>,
}

/// The hours and days on which a layer has anybody.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestrictConfig {
    /// The local time of the day at which it begins.
    pub from: String,
    /// The local time of the day at which it ends. An end that is not later than the begin lies on the next day.
    pub until: String,
    /// The days on which it begins; all by default.
    pub weekdays: Vec<Weekday>,
}

/// Somebody stands in for whoever would be on call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OverrideConfig {
    /// From when: a local time, or one with an offset.
    pub from: String,
    /// Until when, which is not included.
    pub until: String,
    /// The id of who stands in.
    pub person: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            check_interval_ms: 30_000,
            policies: Vec::new(),
            max_tracked_incidents: 5_000,
            resolved_statuses: vec![Status::Resolved, Status::Closed],
            acknowledged_pauses_escalation: true,
            acknowledge_timeout_ms: 4 * 3_600_000,
            people: Vec::new(),
            schedules: Vec::new(),
        }
    }
}

impl Default for RestrictConfig {
    fn default() -> Self {
        Self {
            from: "00:00".into(),
            until: "00:00".into(),
            weekdays: Vec::new(),
        }
    }
}

const fn twelve() -> u32 {
    12
}

/// Collects what is wrong.
#[derive(Debug, Default)]
struct Faults(Vec<BuildError>);

impl Faults {
    fn add(&mut self, path: KeyPath, message: impl std::fmt::Display) {
        self.0.push(BuildError::option(path, message.to_string()));
    }

    /// The value, or its fault taken down.
    fn take<T, E: std::fmt::Display>(&mut self, path: KeyPath, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(path, error)).ok()
    }

    /// Names ids that come twice.
    fn unique<'a>(&mut self, key: &str, ids: impl Iterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for (index, id) in ids.enumerate() {
            if !seen.insert(id) {
                let path = KeyPath::of([key]).with_index(index).with_key("id");
                self.add(path, format_args!("`{id}` is taken: give each its own id"));
            }
        }
    }
}
