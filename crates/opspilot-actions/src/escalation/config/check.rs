//! From the options to a plan, or to everything that is wrong with them.

use std::collections::BTreeSet;
use std::time::Duration;

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;
use opspilot_core::oncall::Roster;
use regex::{Regex, RegexBuilder};

use super::super::policy::{Level, Parts, Plan, Policy, Repeat, Rules};
use super::{Config, Faults, LevelConfig, PolicyConfig, people};

/// How large a compiled pattern may be, in bytes.
const PATTERN_LIMIT: usize = 1 << 20;

/// The plan and the roster that the options describe.
pub(in super::super) fn check(config: &Config) -> Result<(Plan, Roster), BuildError> {
    let mut faults = Faults::default();
    let roster = people::roster(config, &mut faults);
    faults.unique(
        "policies",
        config.policies.iter().map(|policy| policy.id.as_str()),
    );
    let policies = config.policies.iter().enumerate();
    let policies = policies
        .map(|(index, policy)| {
            let path = KeyPath::of(["policies"]).with_index(index);
            self::policy(policy, &path, config, &mut faults)
        })
        .collect();
    if let Some(error) = BuildError::join(faults.0) {
        return Err(error);
    }
    let timeout = config.acknowledge_timeout_ms;
    let plan = Plan::new(Parts {
        policies,
        rules: Rules {
            resolved: config.resolved_statuses.clone(),
            acknowledged_pauses: config.acknowledged_pauses_escalation,
            acknowledge_timeout: (timeout > 0).then(|| Duration::from_millis(timeout)),
        },
        max_tracked: config.max_tracked_incidents,
        check_interval: Duration::from_millis(config.check_interval_ms),
    });
    Ok((plan, roster))
}

fn policy(policy: &PolicyConfig, path: &KeyPath, config: &Config, faults: &mut Faults) -> Policy {
    let pattern = policy.match_title_pattern.as_deref().map(compile);
    let title =
        pattern.and_then(|compiled| faults.take(path.with_key("matchTitlePattern"), compiled));
    let mut seen = BTreeSet::new();
    let mut levels = Vec::new();
    for (index, level) in policy.levels.iter().enumerate() {
        let path = path.with_key("levels").with_index(index);
        if !seen.insert(level.level) {
            let message =
                format_args!("another level of the policy has the number {}", level.level);
            faults.add(path.with_key("level"), message);
        }
        check_targets(level, &path, config, faults);
        levels.push(self::level(level, &path, faults));
    }
    levels.sort_by_key(|level| level.number);
    Policy {
        id: policy.id.clone(),
        severities: policy.match_severity.clone(),
        title,
        levels,
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(PATTERN_LIMIT)
        .build()
}

fn level(level: &LevelConfig, path: &KeyPath, faults: &mut Faults) -> Level {
    if level.repeat && level.repeat_interval_ms.is_none() {
        let message = "needs `repeatIntervalMs`: write how many milliseconds lie between two times";
        faults.add(path.with_key("repeat"), message);
    }
    let interval = level.repeat_interval_ms.filter(|_| level.repeat);
    Level {
        number: level.level,
        after: Duration::from_millis(level.after_ms),
        notify: level.notify.clone(),
        repeat: interval.map(|interval| Repeat {
            interval: Duration::from_millis(interval),
            limit: level.max_repeats,
        }),
    }
}

/// People and schedules are known here; the channels of the notifiers are not.
fn check_targets(level: &LevelConfig, path: &KeyPath, config: &Config, faults: &mut Faults) {
    for (index, target) in level.notify.iter().enumerate() {
        let (what, is_known) = match target.split_once(':') {
            Some(("person", id)) => ("person", config.people.iter().any(|one| one.id == id)),
            Some(("schedule", id)) => ("schedule", config.schedules.iter().any(|one| one.id == id)),
            _ => continue,
        };
        if !is_known {
            let path = path.with_key("notify").with_index(index);
            faults.add(
                path,
                format_args!("`{target}`: there is no {what} with this id"),
            );
        }
    }
}
