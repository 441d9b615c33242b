//! Options of `detector.regex`.

use opspilot_core::incident::Severity;
use opspilot_core::module::BuildError;
use opspilot_core::signal::Attributes;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::conditions::{Conditions, allow};
use crate::matcher::Pattern;
use crate::rules::{self, at};

/// Options of `detector.regex`.
///
/// ```yaml
/// rules:
///   - id: oom-killer
///     pattern: 'Out of memory: Killed process (\d+) \((\S+)\)'
///     severity: critical
///     title: Out of memory
///     description: The kernel killed process $1 ($2).
///     tests:
///       - line: 'kernel: Out of memory: Killed process 7 (java)'
///         expect: match
///       - line: 'kernel: memory cgroup stats'
///         expect: noMatch
/// maxIncidentsPerMinute: 30
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The rules. A line is given to all of them, and every rule that matches acts, in this order. At most 500.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub rules: Vec<Rule>,
    /// How many incidents the rules together create in a minute, 0 to 100,000; 0 means no cap. Further matches are not
    /// lost: they are counted, by rule, on one incident of their own.
    #[serde(default = "default_cap")]
    #[schemars(range(max = 100_000))]
    pub max_incidents_per_minute: u32,
    /// Resolve an incident when its rule did not match for this long, in milliseconds; 0 or absent: never. A rule may
    /// say otherwise.
    #[serde(default)]
    pub auto_resolve_ms: Option<u64>,
}

/// What to look for, and what to say when it is found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The rule's name. Part of the identity of its incidents, so no two rules share one.
    #[schemars(length(min = 1))]
    pub id: String,
    /// A JavaScript regular expression of at most 1,000 characters, without look-around and backreferences. Bytes that
    /// are not UTF-8 count as U+FFFD.
    #[schemars(length(min = 1))]
    pub pattern: String,
    /// What else must be true: attributes of the record and the value, or the values, of which each must have one. `*`
    /// stands for any text, and a name such as `/structuredData/origin/ip` looks into an attribute.
    #[serde(default, rename = "where")]
    pub demanded: Conditions,
    /// What must not be true, written like `where`: one of the attributes with one of its values is enough.
    #[serde(default, rename = "unless")]
    pub excluded: Conditions,
    /// The letters of JavaScript's flags; they replace the default. `i` ignores case, `m` lets `^` and `$` match at
    /// every line end of a record with several lines, `s` lets `.` match line ends. `g`, `y`, `u` and `d` change nothing.
    #[serde(default = "default_flags")]
    pub flags: String,
    /// How bad it is: `info`, `warning` or `critical`.
    pub severity: Severity,
    /// The incident's title, taken literally.
    #[schemars(length(min = 1))]
    pub title: String,
    /// What happened. `$0` stands for the matched text and `$1` to `$9` for the pattern's groups; one that took no part
    /// is empty. The text is cut at 16 KiB; an incident shows at most 64 KiB of the line.
    #[serde(default = "default_description")]
    pub description: String,
    /// For this long after an incident, further matches of the rule are counted on it, in milliseconds; 0: every match
    /// is an incident.
    #[serde(default = "default_cooldown")]
    pub cooldown_ms: u64,
    /// Resolve the rule's incidents when it did not match for this long, in milliseconds; 0: never. Absent: as the
    /// module says.
    #[serde(default)]
    pub auto_resolve_ms: Option<u64>,
    /// Whether the rule is in use.
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    /// Lines that the rule must or must not match. `opspilot-server check` tries them.
    #[serde(default)]
    pub tests: Vec<LineTest>,
}

/// A line and what the rule should make of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineTest {
    /// The line.
    pub line: String,
    /// The record's attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// `match` or `noMatch`.
    pub expect: Expect,
}

/// What a rule should make of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expect {
    /// The rule matches.
    Match,
    /// The rule does not match.
    NoMatch,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            max_incidents_per_minute: default_cap(),
            auto_resolve_ms: None,
        }
    }
}

fn default_cap() -> u32 {
    30
}

fn default_flags() -> String {
    "i".into()
}

fn default_description() -> String {
    "The line matched: $0".into()
}

fn default_cooldown() -> u64 {
    60_000
}

fn default_enabled() -> bool {
    true
}

impl Config {
    /// The patterns of all rules, also of those not in use.
    pub(super) fn compile(&self) -> Result<Vec<Pattern>, BuildError> {
        let mut faults = rules::faults(self.rules.iter().map(|rule| rule.id.as_str()));
        faults.extend(rules::cap_fault(self.max_incidents_per_minute));
        let mut patterns = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            faults.extend(rules::empty(
                index,
                &[("pattern", &rule.pattern), ("title", &rule.title)],
            ));
            match rules::compile(index, ("pattern", &rule.pattern), &rule.flags) {
                Ok(pattern) => patterns.push(pattern),
                Err(fault) => faults.push(fault),
            }
        }
        BuildError::join(faults).map_or(Ok(patterns), Err)
    }

    /// The tests that fail; `patterns` are those of [`Config::compile`].
    pub(super) fn failures(&self, patterns: &[Pattern]) -> Option<BuildError> {
        let rules = self.rules.iter().zip(patterns).enumerate();
        let failures = rules.flat_map(|(index, (rule, pattern))| {
            let tests = rule.tests.iter().enumerate();
            tests.filter_map(move |(number, test)| {
                let path = at(index).with_key("tests").with_index(number);
                Some(BuildError::option(path, test.failure(rule, pattern)?))
            })
        });
        BuildError::join(failures)
    }
}

impl LineTest {
    pub(super) fn failure(&self, rule: &Rule, pattern: &Pattern) -> Option<&'static str> {
        let conditions = (&rule.demanded, &rule.excluded);
        let matches = pattern.is_match(&self.line) && allow(conditions, || self.attributes.clone());
        match (self.expect, matches) {
            (Expect::Match, false) => Some("the rule does not match this line, but should"),
            (Expect::NoMatch, true) => Some("the rule matches this line, but should not"),
            _ => None,
        }
    }
}
