//! Which runbook is meant for an incident: the one that matches best, not the first.

use std::sync::Arc;

use opspilot_core::incident::{Incident, Severity};
use regex::Regex;
use serde_json::Value;

/// Chooses a runbook; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Choice(Arc<(Vec<Severity>, Vec<Criteria>)>);

/// For which incidents a runbook is meant.
#[derive(Debug, Clone)]
pub(super) struct Criteria {
    pub(super) runbook: String,
    /// Any if empty.
    pub(super) severities: Vec<Severity>,
    pub(super) title: Option<Regex>,
    /// Any if empty.
    pub(super) rules: Vec<String>,
}

impl Choice {
    /// Chooses by `criteria`, for incidents of `severities` only.
    pub(super) fn new(severities: Vec<Severity>, criteria: Vec<Criteria>) -> Self {
        Self(Arc::new((severities, criteria)))
    }

    /// True if runs start by themselves for incidents of this severity.
    pub(super) fn covers(&self, severity: Severity) -> bool {
        self.0.0.contains(&severity)
    }

    /// The id of the runbook that matches `incident` best.
    pub(super) fn best(&self, incident: &Incident) -> Option<&str> {
        if !self.covers(incident.severity) {
            return None;
        }
        let scored = self
            .0
            .1
            .iter()
            .filter_map(|one| Some((one.score(incident)?, one)));
        // The first of those with the same score: `max_by_key` would give the last.
        let best = scored.rev().max_by_key(|(score, _)| *score)?;
        Some(&best.1.runbook)
    }
}

impl Criteria {
    /// How good the reasons are; `None` if something that is named does not hold. A rule says more than title and
    /// severity together, and a title more than a severity.
    fn score(&self, incident: &Incident) -> Option<u8> {
        let rule = incident.context.get("ruleId").and_then(Value::as_str);
        let by_rule = match (self.rules.is_empty(), rule) {
            (true, _) => 0,
            (false, Some(rule)) if self.rules.iter().any(|known| known == rule) => 4,
            (false, _) => return None,
        };
        let by_title = match &self.title {
            None => 0,
            Some(pattern) if pattern.is_match(&incident.title) => 2,
            Some(_) => return None,
        };
        let by_severity = match self.severities.is_empty() {
            true => 0,
            false if self.severities.contains(&incident.severity) => 1,
            false => return None,
        };
        Some(by_rule + by_title + by_severity)
    }
}
