//! A rule by itself: what it says, and what it makes of one line. Whether a breach lasts, only the running rule knows.

use opspilot_core::config::{ConfigErrors, ModuleOptions};
use opspilot_core::module::BuildError;
use opspilot_core::rules::{LineOutcome, RuleDescription, RuleKind, RuleTrial, TestOutcome};
use opspilot_core::signal::Attributes;
use serde_json::json;

use super::config::Patterns;
use super::rule::{PLACEHOLDERS, TEXT_LIMIT};
use super::series::Level;
use super::{Config, RuleConfig, groups};
use crate::conditions::allow;
use crate::rules::{chosen, described};
use crate::template::Template;

/// The rules of `detector.threshold`.
#[derive(Debug)]
pub(super) struct ThresholdRules;

#[derive(Debug)]
struct Trial {
    rule: RuleConfig,
    patterns: Option<Patterns>,
    title: Template,
    description: Template,
}

impl RuleKind for ThresholdRules {
    fn describe(&self, options: &ModuleOptions) -> Result<Vec<RuleDescription>, ConfigErrors> {
        let config: Config = options.parse()?;
        let rules = config.rules.iter();
        Ok(rules.map(|rule| description(rule, &config)).collect())
    }

    fn prepare(
        &self,
        options: &ModuleOptions,
        index: usize,
    ) -> Result<Box<dyn RuleTrial>, ConfigErrors> {
        let config: Config = options.parse()?;
        let rule = chosen(&config.rules, index, options)?;
        let mut faults = rule.faults(index);
        match rule.compile(index) {
            Ok(patterns) if faults.is_empty() => Ok(Box::new(Trial {
                rule: rule.clone(),
                patterns,
                title: Template::parse(&rule.title, &PLACEHOLDERS),
                description: Template::parse(&rule.description, &PLACEHOLDERS),
            })),
            compiled => {
                faults.extend(compiled.err());
                let joined = BuildError::join(faults).map(|error| error.located(options));
                Err(joined.unwrap_or_default())
            }
        }
    }
}

fn description(rule: &RuleConfig, config: &Config) -> RuleDescription {
    let written = |text: &str| match text {
        "" => serde_json::Value::Null,
        text => text.into(),
    };
    RuleDescription {
        id: rule.id.clone(),
        severity: rule.severity,
        enabled: rule.enabled,
        title: rule.title.clone(),
        description: rule.description.clone(),
        patterns: described([
            ("sample", json!(rule.sample)),
            ("metric", written(&rule.metric)),
            ("valuePattern", written(&rule.value_pattern)),
            ("flags", rule.flags.as_str().into()),
            ("where", rule.demanded.to_json()),
            ("unless", rule.excluded.to_json()),
        ]),
        limits: described([
            ("operator", rule.operator.symbol().into()),
            ("threshold", rule.threshold.into()),
            ("clearThreshold", rule.clear_threshold.into()),
            ("windowMs", rule.window_ms.into()),
            ("minSamples", rule.min_samples.into()),
            ("clearAfterMs", rule.clear_after_ms.into()),
            ("cooldownMs", rule.cooldown_ms.into()),
            ("groupBy", json!(rule.group_by)),
            ("maxSeries", rule.max_series.into()),
            (
                "autoResolveMs",
                rule.auto_resolve_ms.or(config.auto_resolve_ms).into(),
            ),
            (
                "maxIncidentsPerMinute",
                config.max_incidents_per_minute.into(),
            ),
        ]),
    }
}

impl RuleTrial for Trial {
    fn look_at(&self, line: &str, attributes: &Attributes) -> LineOutcome {
        let Some(patterns) = &self.patterns else {
            return LineOutcome::no_match("the rule reads samples, not lines");
        };
        if !patterns.metric.is_match(line) {
            return LineOutcome::no_match("`metric` does not match");
        }
        let conditions = (&self.rule.demanded, &self.rule.excluded);
        if !allow(conditions, || attributes.clone()) {
            return LineOutcome::no_match("`where` or `unless` leaves the record out");
        }
        let Some(value) = patterns.value(line) else {
            return LineOutcome::no_match("`valuePattern` finds no number");
        };
        if self.rule.level(value) != Level::Breach {
            let reason = "the value is no breach of the threshold";
            return LineOutcome {
                value: Some(value),
                ..LineOutcome::no_match(reason)
            };
        }
        let (latest, threshold) = (value.to_string(), self.rule.threshold.to_string());
        let symbol = self.rule.operator.symbol();
        let names = self.rule.group_by.as_deref().unwrap_or_default();
        let group = groups::shown(&groups::named(names, attributes));
        let values = [self.rule.subject(), &latest, &threshold, symbol, &group];
        LineOutcome {
            matches: true,
            value: Some(value),
            title: Some(self.title.render(&values, TEXT_LIMIT)),
            description: Some(self.description.render(&values, TEXT_LIMIT)),
            ..LineOutcome::default()
        }
    }

    fn tests(&self) -> Vec<TestOutcome> {
        let Some(patterns) = &self.patterns else {
            return Vec::new();
        };
        let tests = self.rule.tests.iter();
        let outcome = |test: &super::LineTest| {
            TestOutcome::new(&test.line, test.failure(&self.rule, patterns))
        };
        tests.map(outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(rule: &serde_json::Value) -> ModuleOptions {
        ModuleOptions::from_json("detector.threshold", json!({ "rules": [rule] }))
    }

    #[test]
    fn a_line_shows_its_value_and_whether_it_is_a_breach() {
        let options = options(&json!({
            "id": "cpu", "metric": "cpu=", "valuePattern": r"cpu=([\d.]+|\?)", "threshold": 90, "operator": "gt",
            "severity": "warning", "title": "CPU at $value", "description": "$value $operator $threshold",
            "tests": [{ "line": "cpu=91.5", "value": 91.5 }, { "line": "cpu=1" }],
        }));
        let trial = ThresholdRules.prepare(&options, 0).unwrap();
        let none = Attributes::new();
        let breach = trial.look_at("cpu=95", &none);
        assert_eq!((breach.matches, breach.value), (true, Some(95.0)));
        assert_eq!(breach.title.as_deref(), Some("CPU at 95"));
        assert_eq!(breach.description.as_deref(), Some("95 > 90"));
        for (line, value, part) in [
            ("cpu=80", Some(80.0), "no breach"),
            ("cpu=?", None, "no number"),
            ("mem=95", None, "`metric`"),
        ] {
            let outcome = trial.look_at(line, &none);
            assert_eq!((outcome.matches, outcome.value), (false, value), "{line}");
            assert!(outcome.reason.unwrap().contains(part), "{line}");
        }
        let passes: Vec<bool> = trial.tests().iter().map(|test| test.passes).collect();
        assert_eq!(passes, [true, false]);
    }

    #[test]
    fn a_rule_about_samples_reads_no_lines_and_a_wrong_one_is_named() {
        let samples = options(&json!({
            "id": "cpu", "sample": "cpu_usage_percent", "threshold": 90, "operator": "gt", "severity": "info",
            "title": "CPU",
        }));
        let trial = ThresholdRules.prepare(&samples, 0).unwrap();
        let outcome = trial.look_at("cpu_usage_percent=99", &Attributes::new());
        assert!(outcome.reason.unwrap().contains("samples"));
        let wrong = options(&json!({
            "id": "cpu", "metric": "(", "valuePattern": "x", "threshold": 90, "operator": "gt", "severity": "info",
            "title": "CPU", "minSamples": 0,
        }));
        let errors = ThresholdRules.prepare(&wrong, 0).unwrap_err().to_string();
        for part in ["rules[0].metric", "rules[0].minSamples"] {
            assert!(errors.contains(part), "{errors}");
        }
    }
}
