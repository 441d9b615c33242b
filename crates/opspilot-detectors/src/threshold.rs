//! `detector.threshold`: numbers in lines that stay beyond a threshold become incidents.

mod config;
mod number;
mod series;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeMap;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCleared;
use opspilot_core::incident::IncidentId;
use opspilot_core::module::{BuildError, Manifest};
use opspilot_core::rules::RuleKind;
use opspilot_core::signal::{LogBatch, LogRecord, Sample};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use config::{Config, LineTest, Operator, Rule as RuleConfig};

use self::config::Patterns;
use self::series::{Level, Limits, Series, Verdict};
use crate::cap::CapState;
use crate::conditions::allow;
use crate::detector::{Detector, DetectorModule, Finding};
use crate::limiter::{LINE_LIMIT, Limiter, Match, Newest, Origin, RuleLimits, Story};
use crate::matcher::{Hit, PatternSet};
use crate::rules;
use crate::template::{Template, shortened};

const ID: &str = "detector.threshold";

/// How many open incidents a rule remembers to clear; the oldest are forgotten first.
const MAX_OPEN: usize = 100;

/// How long titles and descriptions may become, in bytes.
const TEXT_LIMIT: usize = 16 << 10;

/// The placeholders of titles and descriptions.
const PLACEHOLDERS: [&str; 4] = ["$metric", "$value", "$threshold", "$operator"];

/// Finds numbers that stay beyond a threshold.
#[derive(Debug)]
pub struct Threshold {
    rules: Vec<Rule>,
    metrics: PatternSet,
    /// The rule of each pattern in `metrics`.
    rule_of: Vec<usize>,
    limiter: Limiter,
    failures: Option<BuildError>,
    figures: Figures,
    hits: Vec<Hit>,
}

#[derive(Debug, Default)]
struct Figures {
    lines: u64,
    samples: u64,
    breaches: u64,
}

#[derive(Debug)]
struct Rule {
    config: RuleConfig,
    /// Absent for a rule about samples.
    patterns: Option<Patterns>,
    title: Template,
    description: Template,
    limits: Limits,
    incidents: RuleLimits,
    state: RuleState,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RuleState {
    series: Series,
    open: Vec<IncidentId>,
    newest: Option<Newest>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct State {
    cap: CapState,
    rules: BTreeMap<String, RuleState>,
}

impl DetectorModule for Threshold {
    const MANIFEST: Manifest = crate::manifest(
        ID,
        "Turns numbers that stay beyond a threshold into incidents.",
    );
    type Config = Config;

    fn new(config: &Config) -> Result<Self, BuildError> {
        let patterns = config.compile()?;
        let failures = config.failures(&patterns);
        let enabled = config
            .rules
            .iter()
            .zip(patterns)
            .filter(|(rule, _)| rule.enabled);
        let rules: Vec<_> = enabled
            .map(|(rule, patterns)| Rule::new(rule, patterns, config))
            .collect();
        let patterns = rules.iter().enumerate();
        let patterns = patterns.filter_map(|(index, rule)| Some((index, rule.patterns.as_ref()?)));
        let (rule_of, metrics) = patterns
            .map(|(index, patterns)| (index, patterns.metric.clone()))
            .unzip();
        Ok(Self {
            rule_of,
            metrics: PatternSet::new(metrics).map_err(|error| rules::fault("rules", error))?,
            rules,
            limiter: Limiter::new(ID, config.max_incidents_per_minute),
            failures,
            figures: Figures::default(),
            hits: Vec::new(),
        })
    }

    fn rules() -> Option<&'static dyn RuleKind> {
        Some(&trial::ThresholdRules)
    }

    fn check(&self) -> Result<(), BuildError> {
        self.failures.clone().map_or(Ok(()), Err)
    }
}

impl Detector for Threshold {
    fn observe(&mut self, now: Timestamp, batch: &LogBatch, out: &mut Vec<Finding>) {
        self.figures.lines += batch.len() as u64;
        self.metrics.scan(batch, &mut self.hits);
        for hit in &self.hits {
            let index = hit.record as usize;
            let rule = self.rule_of.get(usize::from(hit.pattern));
            let rule = rule.and_then(|rule| self.rules.get_mut(*rule));
            let (Some(record), Some(rule)) = (batch.get(index), rule) else {
                continue;
            };
            let value = |patterns: &Patterns| patterns.value(&record.text());
            let Some(value) = rule.patterns.as_ref().and_then(value) else {
                continue;
            };
            let origin = Origin::Record(index);
            let matched = Match {
                now,
                batch,
                record,
                origin,
            };
            let outlets = (&mut self.figures, &mut self.limiter);
            rule.take(value, matched, outlets, out);
        }
        for (position, sample) in batch.samples() {
            self.sampled(now, batch, (position, sample), out);
        }
        self.limiter.finish(now, out);
    }

    fn snapshot(&self) -> Value {
        let state = |rule: &Rule| {
            let newest = rule.incidents.newest.clone();
            (
                rule.config.id.clone(),
                RuleState {
                    newest,
                    ..rule.state.clone()
                },
            )
        };
        let state = State {
            cap: self.limiter.state(),
            rules: self.rules.iter().map(state).collect(),
        };
        serde_json::to_value(state).unwrap_or_default()
    }

    fn restore(&mut self, state: Value) -> Result<(), serde_json::Error> {
        let mut state: State = serde_json::from_value(state)?;
        for rule in &mut self.rules {
            rule.state = state.rules.remove(&rule.config.id).unwrap_or_default();
            rule.state.series.add_up();
            rule.incidents.newest = rule.state.newest.take();
        }
        self.limiter.restore(state.cap);
        Ok(())
    }

    fn forget(&mut self, incident: &IncidentId) {
        let rules = self.rules.iter_mut();
        let rules = rules.map(|rule| {
            rule.state.open.retain(|open| open != incident);
            &mut rule.incidents
        });
        self.limiter.forget(incident, rules);
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("activeRules", self.rules.len() as u64),
            ("linesScanned", self.figures.lines),
            ("samplesCollected", self.figures.samples),
            ("thresholdBreaches", self.figures.breaches),
            ("incidentsCreated", self.limiter.created()),
        ]
    }
}

impl Threshold {
    /// Gives a number that a source read to the rules about it.
    fn sampled(
        &mut self,
        now: Timestamp,
        batch: &LogBatch,
        (position, sample): (u64, &Sample),
        out: &mut Vec<Finding>,
    ) {
        let is_meant = |rule: &&mut Rule| rule.config.sample.as_deref() == Some(&*sample.name);
        for rule in self.rules.iter_mut().filter(is_meant) {
            let text = format!("{}={} {}", sample.name, sample.value, sample.unit);
            let record = LogRecord {
                bytes: text.trim_end().as_bytes(),
                position,
                number: 0,
            };
            let origin = Origin::Sample(sample);
            let matched = Match {
                now,
                batch,
                record,
                origin,
            };
            let outlets = (&mut self.figures, &mut self.limiter);
            rule.take(sample.value, matched, outlets, out);
        }
    }
}

impl Rule {
    fn new(rule: &RuleConfig, patterns: Option<Patterns>, config: &Config) -> Self {
        let clear_after = rule.clear_after_ms.unwrap_or(rule.window_ms);
        Self {
            patterns,
            title: Template::parse(&rule.title, &PLACEHOLDERS),
            description: Template::parse(&rule.description, &PLACEHOLDERS),
            limits: Limits {
                window: Duration::from_millis(rule.window_ms),
                min_samples: rule.min_samples,
                clear_after: Duration::from_millis(clear_after),
            },
            incidents: RuleLimits {
                id: rule.id.as_str().into(),
                severity: rule.severity,
                cooldown: Duration::from_millis(rule.cooldown_ms),
                auto_resolve_ms: rule
                    .auto_resolve_ms
                    .or(config.auto_resolve_ms)
                    .filter(|ms| *ms > 0),
                newest: None,
            },
            config: rule.clone(),
            state: RuleState::default(),
        }
    }

    /// Takes a value, if the rule's conditions hold for where it comes from.
    fn take(
        &mut self,
        value: f64,
        matched: Match<'_>,
        (figures, limiter): (&mut Figures, &mut Limiter),
        out: &mut Vec<Finding>,
    ) {
        let conditions = (&self.config.demanded, &self.config.excluded);
        if !allow(conditions, || matched.attributes()) {
            return;
        }
        let level = self.config.level(value);
        figures.samples += 1;
        figures.breaches += u64::from(level == Level::Breach);
        match self
            .state
            .series
            .add(matched.now, (value, level), self.limits)
        {
            Verdict::Breached => self.breached(value, matched, limiter, out),
            Verdict::Calm => self.calm(matched.now, matched.record.position, out),
            Verdict::Open => {}
        }
    }

    /// The breach lasts: an incident, or one more count on the rule's newest.
    fn breached(
        &mut self,
        value: f64,
        matched: Match<'_>,
        limiter: &mut Limiter,
        out: &mut Vec<Finding>,
    ) {
        let Self {
            config,
            title,
            description,
            incidents,
            state,
            ..
        } = self;
        let before = out.len();
        limiter.found(incidents, matched, out, || {
            story(
                config,
                [title, description],
                (value, &state.series),
                matched,
            )
        });
        for finding in out.iter().skip(before) {
            if let Finding::Created { event, .. } = finding
                && incidents
                    .newest
                    .as_ref()
                    .is_some_and(|newest| newest.incident == event.incident_id)
                && !state.open.contains(&event.incident_id)
            {
                state.open.truncate(MAX_OPEN - 1);
                state.open.insert(0, event.incident_id.clone());
            }
        }
    }

    /// The rule's incidents are over.
    fn calm(&mut self, now: Timestamp, position: u64, out: &mut Vec<Finding>) {
        if self.state.open.is_empty() {
            return;
        }
        let clear = self.config.clear_threshold.unwrap_or(self.config.threshold);
        let seconds = self.limits.clear_after.as_secs_f64();
        let reason = format!(
            "no value was {} {clear} for {seconds} s",
            self.config.operator.symbol()
        );
        out.extend(
            self.state
                .open
                .drain(..)
                .rev()
                .map(|incident_id| Finding::Cleared {
                    position: Some(position),
                    event: IncidentCleared {
                        incident_id,
                        cleared_by: ID.into(),
                        reason: reason.clone(),
                        cleared_at: now,
                    },
                }),
        );
        // The next breach is a new incident, however soon it comes.
        self.incidents.newest = None;
    }
}

fn story(
    rule: &RuleConfig,
    texts: [&Template; 2],
    (value, series): (f64, &Series),
    matched: Match<'_>,
) -> Story {
    // A number that was measured has digits that nobody wants to read; one from a line is shown as it stood there.
    let latest = match matched.origin {
        Origin::Record(_) => value,
        Origin::Sample(_) => two_decimals(value),
    };
    let (latest, threshold) = (latest.to_string(), rule.threshold.to_string());
    let values = [rule.subject(), &latest, &threshold, rule.operator.symbol()];
    let [title, description] = texts.map(|text| text.render(&values, TEXT_LIMIT));
    let mut context = Map::new();
    context.insert("metric".into(), rule.subject().into());
    context.insert("latestValue".into(), value.into());
    context.insert("averageValue".into(), two_decimals(series.average()).into());
    context.insert("threshold".into(), rule.threshold.into());
    context.insert("operator".into(), rule.operator.symbol().into());
    context.insert("samplesInWindow".into(), series.len().into());
    context.insert("windowMs".into(), rule.window_ms.into());
    context.insert(
        "matchedLine".into(),
        shortened(&matched.record.text(), LINE_LIMIT).into(),
    );
    Story {
        title,
        description,
        context,
    }
}

/// `value` as the contract shows it. Numbers too large to have decimals stay as they are.
fn two_decimals(value: f64) -> f64 {
    if value.abs() < 1e12 {
        (value * 100.0).round() / 100.0
    } else {
        value
    }
}
