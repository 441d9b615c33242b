//! Policies: which incidents are escalated, and when to whom.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::incident::{Incident, Severity, Status};
use regex::Regex;

/// Everything that the options say of escalating; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Plan(Arc<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) policies: Vec<Policy>,
    pub(super) rules: Rules,
    pub(super) max_tracked: usize,
    /// How often the clock is looked at while something is to come.
    pub(super) check_interval: Duration,
}

/// What holds for all policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    /// The statuses that end an escalation.
    pub(super) resolved: Vec<Status>,
    /// Whether an acknowledged incident waits.
    pub(super) acknowledged_pauses: bool,
    /// For how long it waits; for ever if absent.
    pub(super) acknowledge_timeout: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Policy {
    pub(super) id: String,
    /// Any if empty.
    pub(super) severities: Vec<Severity>,
    pub(super) title: Option<Regex>,
    /// In ascending order of their numbers, which are unique.
    pub(super) levels: Vec<Level>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) number: u32,
    pub(super) after: Duration,
    pub(super) notify: Vec<String>,
    pub(super) repeat: Option<Repeat>,
}

/// How a level is told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeat {
    pub(super) interval: Duration,
    /// How many times at most.
    pub(super) limit: u32,
}

impl Plan {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The first policy that matches `incident`.
    pub(super) fn matching(&self, incident: &Incident) -> Option<&Policy> {
        let mut policies = self.policies.iter();
        policies.find(|policy| policy.matches(incident.severity, &incident.title))
    }

    /// The policy called `id`.
    pub(super) fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.id == id)
    }
}

impl std::ops::Deref for Plan {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Policy {
    fn matches(&self, severity: Severity, title: &str) -> bool {
        let is_meant = self.severities.is_empty() || self.severities.contains(&severity);
        is_meant
            && self
                .title
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(title))
    }

    /// The level with a number.
    pub(super) fn level(&self, number: u32) -> Option<&Level> {
        self.levels.iter().find(|level| level.number == number)
    }

    /// The levels above a number, lowest first.
    pub(super) fn above(&self, number: u32) -> impl Iterator<Item = &Level> {
        self.levels
            .iter()
            .filter(move |level| level.number > number)
    }
}
