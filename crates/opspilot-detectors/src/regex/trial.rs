//! A rule by itself: what it says, and what it makes of a line.

use opspilot_core::config::{ConfigErrors, ModuleOptions};
use opspilot_core::module::BuildError;
use opspilot_core::rules::{LineOutcome, RuleDescription, RuleKind, RuleTrial, TestOutcome};
use opspilot_core::signal::Attributes;

use super::{Config, DESCRIPTION_LIMIT, GROUP_LIMIT, PLACEHOLDERS, RuleConfig};
use crate::conditions::allow;
use crate::matcher::Pattern;
use crate::rules::{chosen, compile, described, empty};
use crate::template::{Template, shortened};

/// The rules of `detector.regex`.
#[derive(Debug)]
pub(super) struct RegexRules;

#[derive(Debug)]
struct Trial {
    rule: RuleConfig,
    pattern: Pattern,
    description: Template,
}

impl RuleKind for RegexRules {
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
        let texts = [("pattern", &*rule.pattern), ("title", &*rule.title)];
        let pattern = compile(index, ("pattern", &rule.pattern), &rule.flags);
        let mut faults = empty(index, &texts);
        match pattern {
            Ok(pattern) if faults.is_empty() => Ok(Box::new(Trial {
                rule: rule.clone(),
                pattern,
                description: Template::parse(&rule.description, &PLACEHOLDERS),
            })),
            pattern => {
                faults.extend(pattern.err());
                let joined = BuildError::join(faults).map(|error| error.located(options));
                Err(joined.unwrap_or_default())
            }
        }
    }
}

fn description(rule: &RuleConfig, config: &Config) -> RuleDescription {
    RuleDescription {
        id: rule.id.clone(),
        severity: rule.severity,
        enabled: rule.enabled,
        title: rule.title.clone(),
        description: rule.description.clone(),
        patterns: described([
            ("pattern", rule.pattern.as_str().into()),
            ("flags", rule.flags.as_str().into()),
            ("where", rule.demanded.to_json()),
            ("unless", rule.excluded.to_json()),
        ]),
        limits: described([
            ("cooldownMs", rule.cooldown_ms.into()),
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
        let groups = self.pattern.captures(line);
        if groups.is_empty() {
            return LineOutcome::no_match("the pattern does not match");
        }
        let conditions = (&self.rule.demanded, &self.rule.excluded);
        if !allow(conditions, || attributes.clone()) {
            return LineOutcome::no_match("`where` or `unless` leaves the record out");
        }
        let values: Vec<&str> = groups
            .iter()
            .map(|group| group.unwrap_or_default())
            .collect();
        let shown = |group: &Option<&str>| group.map(|text| shortened(text, GROUP_LIMIT));
        LineOutcome {
            matches: true,
            groups: groups.iter().skip(1).map(shown).collect(),
            title: Some(self.rule.title.clone()),
            description: Some(self.description.render(&values, DESCRIPTION_LIMIT)),
            ..LineOutcome::default()
        }
    }

    fn tests(&self) -> Vec<TestOutcome> {
        let tests = self.rule.tests.iter();
        let outcome = |test: &super::LineTest| {
            let failure = test.failure(&self.rule, &self.pattern);
            TestOutcome::new(&test.line, failure.map(str::to_owned))
        };
        tests.map(outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(rule: &serde_json::Value) -> ModuleOptions {
        ModuleOptions::from_json("detector.regex", json!({ "rules": [rule] }))
    }

    #[test]
    fn a_line_that_matches_shows_what_would_result() {
        let options = options(&json!({
            "id": "oom", "pattern": r"killed (\d+)( \w+)?", "severity": "critical", "title": "OOM $1",
            "description": "$1 is gone", "enabled": false, "unless": { "unit": "test" },
            "tests": [{ "line": "KILLED 7", "expect": "match" }, { "line": "killed x", "expect": "match" }],
        }));
        let trial = RegexRules.prepare(&options, 0).unwrap();
        let outcome = trial.look_at("Killed 7", &Attributes::new());
        let expected = LineOutcome {
            matches: true,
            groups: vec![Some("7".into()), None],
            title: Some("OOM $1".into()),
            description: Some("7 is gone".into()),
            ..LineOutcome::default()
        };
        assert_eq!(outcome, expected);
        let excluded = Attributes::from_iter([("unit".to_owned(), json!("test"))]);
        let reason = |line: &str, attributes: &Attributes| trial.look_at(line, attributes).reason;
        assert!(reason("Killed 7", &excluded).unwrap().contains("`unless`"));
        assert!(reason("Killed", &excluded).unwrap().contains("pattern"));
        let passes: Vec<bool> = trial.tests().iter().map(|test| test.passes).collect();
        assert_eq!(passes, [true, false]);
    }

    #[test]
    fn what_does_not_compile_is_named_with_its_place() {
        let wrong = options(&json!({ "id": "a", "pattern": "(", "severity": "info", "title": "" }));
        let errors = RegexRules.prepare(&wrong, 0).unwrap_err().to_string();
        for part in ["rules[0].pattern", "rules[0].title"] {
            assert!(errors.contains(part), "{errors}");
        }
        let fine = options(&json!({ "id": "a", "pattern": "a", "severity": "info", "title": "A" }));
        assert!(
            RegexRules
                .prepare(&fine, 1)
                .unwrap_err()
                .to_string()
                .contains("no such rule")
        );
        let [described] = &RegexRules.describe(&fine).unwrap()[..] else {
            panic!("one rule was given")
        };
        assert_eq!(described.patterns["pattern"], "a");
        assert_eq!(described.limits["cooldownMs"], 60_000);
    }
}
