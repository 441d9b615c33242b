//! `detector.threshold`: numbers in lines that stay beyond a threshold become incidents.

mod config;
mod groups;
mod number;
mod rule;
mod series;
mod state;
#[cfg(test)]
mod tests;
mod trial;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::IncidentId;
use opspilot_core::module::{BuildError, Manifest};
use opspilot_core::rules::RuleKind;
use opspilot_core::signal::{LogBatch, LogRecord, Sample};
use serde_json::Value;

pub use config::{Config, LineTest, Operator, Rule as RuleConfig};

use self::config::Patterns;
use self::rule::Rule;
use self::state::{RuleState, State};
use crate::detector::{Detector, DetectorModule, Finding};
use crate::limiter::{Limiter, Match, Origin};
use crate::matcher::{Hit, PatternSet};
use crate::rules;

const ID: &str = "detector.threshold";

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
    left_out: u64,
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
        let state = |rule: &Rule| (rule.config.id.clone(), RuleState::of(&rule.groups));
        let state = State {
            cap: self.limiter.state(),
            rules: self.rules.iter().map(state).collect(),
        };
        serde_json::to_value(state).unwrap_or_default()
    }

    fn restore(&mut self, state: Value) -> Result<(), serde_json::Error> {
        let mut state: State = serde_json::from_value(state)?;
        for rule in &mut self.rules {
            let state = state.rules.remove(&rule.config.id).unwrap_or_default();
            rule.groups = state.groups();
        }
        self.limiter.restore(state.cap);
        Ok(())
    }

    fn forget(&mut self, incident: &IncidentId) {
        for rule in &mut self.rules {
            rule.groups.forget(incident);
        }
        self.limiter.forget(incident, std::iter::empty());
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("activeRules", self.rules.len() as u64),
            ("linesScanned", self.figures.lines),
            ("samplesCollected", self.figures.samples),
            ("thresholdBreaches", self.figures.breaches),
            ("incidentsCreated", self.limiter.created()),
            (
                "series",
                self.rules.iter().map(|rule| rule.groups.len() as u64).sum(),
            ),
            ("samplesLeftOut", self.figures.left_out),
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
