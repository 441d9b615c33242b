//! Options of `detector.threshold`.

mod line_test;
mod operator;

use opspilot_core::incident::Severity;
use opspilot_core::module::BuildError;
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::line_test::LineTest;
pub use self::operator::Operator;

use super::number::leading_number;
use super::series::{Level, MAX_SAMPLES};
use crate::conditions::Conditions;
use crate::matcher::Pattern;
use crate::rules::{self, at};

/// Options of `detector.threshold`.
///
/// ```yaml
/// rules:
///   - id: cpu-high
///     metric: 'cpu_usage_percent='
///     valuePattern: 'cpu_usage_percent=([\d.]+)'
///     threshold: 90
///     clearThreshold: 80
///     operator: gt
///     minSamples: 3
///     severity: warning
///     title: CPU usage above $threshold %
///     tests:
///       - line: '[METRIC] cpu_usage_percent=91.5'
///         value: 91.5
///       - line: '[METRIC] memory_usage_percent=40'
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The rules, at least one and at most 500.
    #[schemars(length(min = 1, max = 500))]
    pub rules: Vec<Rule>,
    /// How many incidents the rules together create in a minute, 0 to 100,000; 0 means no cap. Further ones are not
    /// lost: they are counted, by rule, on one incident of their own.
    #[serde(default = "default_cap")]
    #[schemars(range(max = 100_000))]
    pub max_incidents_per_minute: u32,
    /// Resolve an incident when its rule saw no breach for this long, in milliseconds; 0 or absent: never. A rule may
    /// say otherwise.
    #[serde(default)]
    pub auto_resolve_ms: Option<u64>,
}

/// A number to watch, and what to say when it stays beyond a threshold.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The rule's name. Part of the identity of its incidents, so no two rules share one.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The name of a number that a source reads itself, such as `cpu_usage_percent`; then `metric` and `valuePattern`
    /// are left out.
    #[serde(default)]
    pub sample: Option<String>,
    /// A JavaScript regular expression that the lines of this metric match; see `detector.regex` for its limits.
    #[serde(default)]
    pub metric: String,
    /// A JavaScript regular expression whose first group starts with the number; what follows it, such as a unit, is
    /// ignored. A line without a number is no sample.
    #[serde(default)]
    pub value_pattern: String,
    /// What else must be true: attributes of the record and the value, or the values, of which each must have one. `*`
    /// stands for any text, and a name such as `/structuredData/origin/ip` looks into an attribute.
    #[serde(default, rename = "where")]
    pub demanded: Conditions,
    /// What must not be true, written like `where`: one of the attributes with one of its values is enough.
    #[serde(default, rename = "unless")]
    pub excluded: Conditions,
    /// The attributes that tell series apart, named as in `where`: each set of values is watched alone, with incidents of
    /// its own. Empty: the rule has one series. Absent: with `sample`, all attributes that the number itself has (a mount,
    /// a core, a process), so that a full disk is not lost among others; without, one series. At most 16.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub group_by: Option<Vec<String>>,
    /// The most series of the rule, 1 to 10,000. One that is silent for longer than window, cooldown and `clearAfterMs`
    /// makes room; while none does, samples of further ones are left out and counted (`samplesLeftOut`).
    #[serde(default = "default_series")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_series: usize,
    /// The letters of JavaScript's flags, for both patterns; they replace the default.
    #[serde(default = "default_flags")]
    pub flags: String,
    /// The incident's title. `$metric` (the pattern), `$value`, `$threshold`, `$operator` and
    /// `$group` (what tells the series, such as `mount=/data`) are filled in.
    #[schemars(length(min = 1))]
    pub title: String,
    /// What happened; filled in like the title.
    #[serde(default = "default_description")]
    pub description: String,
    /// The number that counts.
    pub threshold: f64,
    /// How a value must compare to the threshold to be a breach; `eq` is exact.
    pub operator: Operator,
    /// How long a sample counts, in milliseconds, from 1,000. At most the newest 10,000 samples are kept, of each of several
    /// series 1,000 (or `minSamples`, if that is more).
    #[serde(default = "default_minute")]
    #[schemars(range(min = 1_000))]
    pub window_ms: u64,
    /// How many samples in a row must be a breach, the newest included and all of them within the window; 1 to 10,000.
    #[serde(default = "default_samples")]
    #[schemars(range(min = 1, max = 10_000))]
    pub min_samples: usize,
    /// A value has to be on the safe side of this number, too, to count as calm. Absent: the threshold itself.
    #[serde(default)]
    pub clear_threshold: Option<f64>,
    /// The rule's incidents are cleared when every sample was calm for this long, in milliseconds. Silence is not calm.
    /// Absent: as long as the window.
    #[serde(default)]
    pub clear_after_ms: Option<u64>,
    /// How bad it is: `info`, `warning` or `critical`.
    pub severity: Severity,
    /// For this long after an incident, further breaches are counted on it, in milliseconds; 0: each is an incident.
    #[serde(default = "default_minute")]
    pub cooldown_ms: u64,
    /// Resolve the rule's incidents when it saw no breach for this long, in milliseconds; 0: never. Absent: as the module
    /// says.
    #[serde(default)]
    pub auto_resolve_ms: Option<u64>,
    /// Whether the rule is in use.
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    /// Lines and the value that the rule must read from them. `opspilot-server check` tries them.
    #[serde(default)]
    pub tests: Vec<LineTest>,
}

/// The two patterns of a rule.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    pub(super) metric: Pattern,
    pub(super) value: Pattern,
}

fn default_cap() -> u32 {
    30
}

fn default_flags() -> String {
    "i".into()
}

fn default_description() -> String {
    "The value is $value, which is $operator $threshold (metric: $metric).".into()
}

fn default_series() -> usize {
    1_000
}

fn default_minute() -> u64 {
    60_000
}

fn default_samples() -> usize {
    1
}

fn default_enabled() -> bool {
    true
}

impl Config {
    /// The patterns of all rules, also of those not in use.
    pub(super) fn compile(&self) -> Result<Vec<Option<Patterns>>, BuildError> {
        let mut faults = rules::faults(self.rules.iter().map(|rule| rule.id.as_str()));
        faults.extend(rules::cap_fault(self.max_incidents_per_minute));
        if self.rules.is_empty() {
            faults.push(rules::fault(
                "rules",
                "must have at least one rule: switch the module off instead",
            ));
        }
        let mut patterns = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            faults.extend(rule.faults(index));
            match rule.compile(index) {
                Ok(compiled) => patterns.push(compiled),
                Err(fault) => faults.push(fault),
            }
        }
        BuildError::join(faults).map_or(Ok(patterns), Err)
    }

    /// The tests that fail; `patterns` are those of [`Config::compile`].
    pub(super) fn failures(&self, patterns: &[Option<Patterns>]) -> Option<BuildError> {
        let rules = self.rules.iter().zip(patterns).enumerate();
        let failures = rules.flat_map(|(index, (rule, patterns))| {
            let tests = patterns.iter().flat_map(|_| rule.tests.iter().enumerate());
            tests.filter_map(move |(number, test)| {
                let path = at(index).with_key("tests").with_index(number);
                Some(BuildError::option(
                    path,
                    test.failure(rule, patterns.as_ref()?)?,
                ))
            })
        });
        BuildError::join(failures)
    }
}

impl Rule {
    /// The patterns of a rule about lines.
    pub(super) fn compile(&self, index: usize) -> Result<Option<Patterns>, BuildError> {
        if self.sample.is_some() {
            return Ok(None);
        }
        let metric = rules::compile(index, ("metric", &self.metric), &self.flags)?;
        let value = rules::compile(index, ("valuePattern", &self.value_pattern), &self.flags)?;
        if value.groups() == 0 {
            let message = "has no group: put the number in parentheses, such as `cpu=([0-9.]+)`";
            return Err(BuildError::option(
                at(index).with_key("valuePattern"),
                message,
            ));
        }
        Ok(Some(Patterns { metric, value }))
    }

    pub(super) fn faults(&self, index: usize) -> Vec<BuildError> {
        let mut faults = self.subject_faults(index);
        let mut refuse = |key: &str, message: &str| {
            faults.push(BuildError::option(at(index).with_key(key), message));
        };
        if self.window_ms < 1_000 {
            refuse("windowMs", "must be at least 1000");
        }
        if !(1..=MAX_SAMPLES).contains(&self.min_samples) {
            refuse("minSamples", "must be from 1 to 10000");
        }
        if !(1..=10_000).contains(&self.max_series) {
            refuse("maxSeries", "must be from 1 to 10000");
        }
        let names = self.group_by.iter().flatten();
        if names.clone().count() > 16 || names.clone().any(String::is_empty) {
            refuse(
                "groupBy",
                "must name at most 16 attributes, none of them empty",
            );
        }
        if !self.threshold.is_finite() {
            refuse("threshold", "must be a finite number");
        }
        if let Some(clear) = self.clear_threshold
            && !self.operator.allows(clear, self.threshold)
        {
            let message =
                "must lie on the safe side of `threshold`, or be the same; with `eq` leave it out";
            refuse("clearThreshold", message);
        }
        faults
    }

    fn subject_faults(&self, index: usize) -> Vec<BuildError> {
        let title = ("title", &*self.title);
        let (metric, value) = (&*self.metric, &*self.value_pattern);
        let Some(sample) = &self.sample else {
            return rules::empty(index, &[("metric", metric), ("valuePattern", value), title]);
        };
        let mut faults = rules::empty(index, &[("sample", sample), title]);
        let given = [("metric", metric), ("valuePattern", value)];
        for (key, _) in given.iter().filter(|(_, text)| !text.is_empty()) {
            let message = "is about lines: leave it out beside `sample`, or leave `sample` out";
            faults.push(BuildError::option(at(index).with_key(key), message));
        }
        if !self.tests.is_empty() {
            let message = "are about lines: leave them out beside `sample`";
            faults.push(BuildError::option(at(index).with_key("tests"), message));
        }
        faults
    }

    /// What the rule watches, as its texts name it.
    pub(super) fn subject(&self) -> &str {
        self.sample.as_deref().unwrap_or(&self.metric)
    }

    /// True if the rule may have several series.
    pub(super) fn is_grouped(&self) -> bool {
        match &self.group_by {
            Some(names) => !names.is_empty(),
            None => self.sample.is_some(),
        }
    }

    /// What `value` is to this rule.
    pub(super) fn level(&self, value: f64) -> Level {
        let clear = self.clear_threshold.unwrap_or(self.threshold);
        match (
            self.operator.holds(value, self.threshold),
            self.operator.holds(value, clear),
        ) {
            (true, _) => Level::Breach,
            (false, true) => Level::Between,
            (false, false) => Level::Safe,
        }
    }
}

impl Patterns {
    /// The number in a line that the metric's pattern is known to match.
    pub(super) fn value(&self, text: &str) -> Option<f64> {
        leading_number(self.value.first_group(text)?)
    }
}
