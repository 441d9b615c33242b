//! One rule: takes values, and says what they lead to.

use std::time::Duration;

use opspilot_core::signal::Attributes;
use serde_json::{Map, json};

use super::Figures;
use super::config::{Config, Patterns, Rule as RuleConfig};
use super::groups::{self, Bounds, Groups};
use super::series::{Level, Limits, MAX_SAMPLES, Series, Verdict};
use crate::conditions::{self, allow};
use crate::detector::Finding;
use crate::limiter::{LINE_LIMIT, Limiter, Match, Origin, RuleLimits, Story};
use crate::template::{Template, shortened};

/// How long titles and descriptions may become, in bytes.
pub(super) const TEXT_LIMIT: usize = 16 << 10;

/// The placeholders of titles and descriptions.
pub(super) const PLACEHOLDERS: [&str; 5] =
    ["$metric", "$value", "$threshold", "$operator", "$group"];

/// How many samples each of several series keeps, if the rule does not need more.
const GROUP_SAMPLES: usize = 1_000;

/// How many samples an incident shows, the newest included.
const SHOWN_SAMPLES: usize = 60;

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) config: RuleConfig,
    /// Absent for a rule about samples.
    pub(super) patterns: Option<Patterns>,
    title: Template,
    description: Template,
    limits: Limits,
    bounds: Bounds,
    /// Its newest incident is that of the series that is looked at.
    incidents: RuleLimits,
    pub(super) groups: Groups,
}

impl Rule {
    pub(super) fn new(rule: &RuleConfig, patterns: Option<Patterns>, config: &Config) -> Self {
        let clear_after = rule.clear_after_ms.unwrap_or(rule.window_ms);
        Self {
            patterns,
            title: Template::parse(&rule.title, &PLACEHOLDERS),
            description: Template::parse(&rule.description, &PLACEHOLDERS),
            limits: Limits {
                window: Duration::from_millis(rule.window_ms),
                min_samples: rule.min_samples,
                max_samples: if rule.is_grouped() {
                    rule.min_samples.max(GROUP_SAMPLES)
                } else {
                    MAX_SAMPLES
                },
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
            bounds: Bounds {
                count: rule.max_series,
                silence: Duration::from_millis(
                    rule.window_ms.max(clear_after).max(rule.cooldown_ms),
                ),
            },
            config: rule.clone(),
            groups: Groups::default(),
        }
    }

    /// Takes a value, if the rule's conditions hold for where it comes from.
    pub(super) fn take(
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
        let about = groups::about(self.config.group_by.as_deref(), &matched);
        let Some(group) = self.groups.enter(&about, matched.now, self.bounds) else {
            figures.left_out += 1;
            return;
        };
        match group.series.add(matched.now, (value, level), self.limits) {
            Verdict::Breached => {
                // The series has a cooldown of its own.
                self.incidents.newest = group.newest.take();
                let texts = [&self.title, &self.description];
                let found = (value, &about, &group.series);
                let before = out.len();
                limiter.found(&mut self.incidents, matched, out, || {
                    story(&self.config, texts, found, matched)
                });
                group.newest = self.incidents.newest.take();
                group.opened(out.get(before..).unwrap_or_default());
            }
            Verdict::Calm => {
                let reason = calm_reason(&self.config, self.limits);
                group.calm((matched.now, matched.record.position), &reason, out);
            }
            Verdict::Open => {}
        }
    }
}

fn calm_reason(config: &RuleConfig, limits: Limits) -> String {
    let clear = config.clear_threshold.unwrap_or(config.threshold);
    let (symbol, seconds) = (config.operator.symbol(), limits.clear_after.as_secs_f64());
    format!("no value was {symbol} {clear} for {seconds} s")
}

fn story(
    rule: &RuleConfig,
    texts: [&Template; 2],
    (value, about, series): (f64, &Attributes, &Series),
    matched: Match<'_>,
) -> Story {
    // A number that was measured has digits that nobody wants to read; one from a line is shown as it stood there.
    let latest = match matched.origin {
        Origin::Record(_) => value,
        Origin::Sample(_) => two_decimals(value),
    };
    let (latest, threshold) = (latest.to_string(), rule.threshold.to_string());
    let group = groups::shown(about);
    let symbol = rule.operator.symbol();
    let values = [rule.subject(), &latest, &threshold, symbol, &group];
    let [title, description] = texts.map(|text| text.render(&values, TEXT_LIMIT));
    let mut context = Map::new();
    context.insert("metric".into(), rule.subject().into());
    context.insert("latestValue".into(), value.into());
    context.insert("averageValue".into(), two_decimals(series.average()).into());
    context.insert("threshold".into(), rule.threshold.into());
    context.insert("operator".into(), symbol.into());
    context.insert("samplesInWindow".into(), series.len().into());
    context.insert("windowMs".into(), rule.window_ms.into());
    context.insert("samples".into(), json!(series.newest(SHOWN_SAMPLES)));
    context.insert(
        "matchedLine".into(),
        shortened(&matched.record.text(), LINE_LIMIT).into(),
    );
    if !about.is_empty() {
        context.insert("group".into(), conditions::shown(about.clone()).into());
    }
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
