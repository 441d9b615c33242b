//! `detector.regex`: lines that match a pattern become incidents.

mod config;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::IncidentId;
use opspilot_core::module::{BuildError, Manifest};
use opspilot_core::rules::RuleKind;
use opspilot_core::signal::LogBatch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use config::{Config, Expect, LineTest, Rule as RuleConfig};

use crate::cap::CapState;
use crate::conditions::{Conditions, allow};
use crate::detector::{Detector, DetectorModule, Finding};
use crate::limiter::{LINE_LIMIT, Limiter, Match, Newest, Origin, RuleLimits, Story};
use crate::matcher::{Hit, Pattern, PatternSet};
use crate::rules;
use crate::template::{Template, shortened};

const ID: &str = "detector.regex";

/// How much of a captured group an incident shows, in bytes.
const GROUP_LIMIT: usize = 4 << 10;

/// How long a description may become, in bytes.
const DESCRIPTION_LIMIT: usize = 16 << 10;

/// The placeholders of descriptions.
const PLACEHOLDERS: [&str; 10] = ["$0", "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9"];

/// Finds lines that match a pattern.
#[derive(Debug)]
pub struct Regex {
    rules: Vec<Rule>,
    patterns: PatternSet,
    limiter: Limiter,
    failures: Option<BuildError>,
    lines: u64,
    matches: u64,
    hits: Vec<Hit>,
}

#[derive(Debug)]
struct Rule {
    limits: RuleLimits,
    title: String,
    description: Template,
    conditions: (Conditions, Conditions),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct State {
    cap: CapState,
    newest: BTreeMap<Arc<str>, Newest>,
}

impl DetectorModule for Regex {
    const MANIFEST: Manifest =
        crate::manifest(ID, "Turns lines that match a pattern into incidents.");
    type Config = Config;

    fn new(config: &Config) -> Result<Self, BuildError> {
        let patterns = config.compile()?;
        let failures = config.failures(&patterns);
        let enabled = config
            .rules
            .iter()
            .zip(patterns)
            .filter(|(rule, _)| rule.enabled);
        let (rules, patterns): (Vec<_>, Vec<_>) = enabled
            .map(|(rule, pattern)| (Rule::new(rule, config), pattern))
            .unzip();
        Ok(Self {
            rules,
            patterns: PatternSet::new(patterns).map_err(|error| rules::fault("rules", error))?,
            limiter: Limiter::new(ID, config.max_incidents_per_minute),
            failures,
            lines: 0,
            matches: 0,
            hits: Vec::new(),
        })
    }

    fn rules() -> Option<&'static dyn RuleKind> {
        Some(&trial::RegexRules)
    }

    fn check(&self) -> Result<(), BuildError> {
        self.failures.clone().map_or(Ok(()), Err)
    }
}

impl Detector for Regex {
    fn observe(&mut self, now: Timestamp, batch: &LogBatch, out: &mut Vec<Finding>) {
        self.lines += batch.len() as u64;
        self.patterns.scan(batch, &mut self.hits);
        if self.hits.is_empty() {
            return;
        }
        for hit in &self.hits {
            let index = hit.record as usize;
            let record = batch.get(index);
            let rule = self.rules.get_mut(usize::from(hit.pattern));
            let (Some(record), Some(rule), Some(pattern)) =
                (record, rule, self.patterns.get(hit.pattern))
            else {
                continue;
            };
            let Rule {
                limits,
                title,
                description,
                conditions: (demanded, excluded),
            } = rule;
            if !allow((demanded, excluded), || batch.attributes(index)) {
                continue;
            }
            self.matches += 1;
            let matched = Match {
                now,
                batch,
                record,
                origin: Origin::Record(index),
            };
            self.limiter.found(limits, matched, out, || {
                story(title, description, pattern, matched)
            });
        }
        self.limiter.finish(now, out);
    }

    fn snapshot(&self) -> Value {
        let newest = self.rules.iter().map(|rule| &rule.limits);
        let newest =
            newest.filter_map(|limits| Some((Arc::clone(&limits.id), limits.newest.clone()?)));
        let state = State {
            cap: self.limiter.state(),
            newest: newest.collect(),
        };
        serde_json::to_value(state).unwrap_or_default()
    }

    fn restore(&mut self, state: Value) -> Result<(), serde_json::Error> {
        let mut state: State = serde_json::from_value(state)?;
        for rule in &mut self.rules {
            rule.limits.newest = state.newest.remove(&rule.limits.id);
        }
        self.limiter.restore(state.cap);
        Ok(())
    }

    fn forget(&mut self, incident: &IncidentId) {
        let rules = self.rules.iter_mut().map(|rule| &mut rule.limits);
        self.limiter.forget(incident, rules);
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("activeRules", self.rules.len() as u64),
            ("linesScanned", self.lines),
            ("rulesMatched", self.matches),
            ("incidentsCreated", self.limiter.created()),
        ]
    }
}

impl Rule {
    fn new(rule: &RuleConfig, config: &Config) -> Self {
        Self {
            limits: RuleLimits {
                id: rule.id.as_str().into(),
                severity: rule.severity,
                cooldown: std::time::Duration::from_millis(rule.cooldown_ms),
                auto_resolve_ms: rule
                    .auto_resolve_ms
                    .or(config.auto_resolve_ms)
                    .filter(|ms| *ms > 0),
                newest: None,
            },
            title: rule.title.clone(),
            conditions: (rule.demanded.clone(), rule.excluded.clone()),
            description: Template::parse(&rule.description, &PLACEHOLDERS),
        }
    }
}

fn story(title: &str, description: &Template, pattern: &Pattern, matched: Match<'_>) -> Story {
    let text = matched.record.text();
    let groups = pattern.captures(&text);
    let values: Vec<&str> = groups
        .iter()
        .map(|group| group.unwrap_or_default())
        .collect();
    let shown = values
        .iter()
        .skip(1)
        .map(|group| shortened(group, GROUP_LIMIT).into());
    let mut context = Map::new();
    context.insert("pattern".into(), pattern.source().into());
    context.insert("matchedLine".into(), shortened(&text, LINE_LIMIT).into());
    context.insert("matchedGroups".into(), Value::Array(shown.collect()));
    Story {
        title: title.to_owned(),
        description: description.render(&values, DESCRIPTION_LIMIT),
        context,
    }
}
