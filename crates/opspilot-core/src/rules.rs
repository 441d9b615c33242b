//! Rules of detectors, as far as others show and try them: what they say, what they make of a line, and how often they
//! matched. What a rule is, its detector alone knows.

mod counts;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::{ConfigErrors, ModuleOptions};
use crate::incident::Severity;
use crate::signal::Attributes;

pub use counts::{RuleCount, RuleCounts};

/// The kind of rules that a module has under `rules` in its options.
pub trait RuleKind: fmt::Debug + Send + Sync + 'static {
    /// What the rules of `options` say, those that are not in use too. Nothing is compiled.
    ///
    /// # Errors
    /// When the options are wrong, with their places.
    fn describe(&self, options: &ModuleOptions) -> Result<Vec<RuleDescription>, ConfigErrors>;

    /// Compiles the rule at `index`, also if it is not in use. What is tried with it changes nothing.
    ///
    /// # Errors
    /// When the options are wrong or have no such rule, with their places.
    fn prepare(
        &self,
        options: &ModuleOptions,
        index: usize,
    ) -> Result<Box<dyn RuleTrial>, ConfigErrors>;
}

/// A compiled rule without state.
pub trait RuleTrial: fmt::Debug + Send + Sync {
    /// What the rule makes of a line with these attributes.
    fn look_at(&self, line: &str, attributes: &Attributes) -> LineOutcome;

    /// What the rule makes of the lines that its options test it with.
    fn tests(&self) -> Vec<TestOutcome>;
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleDescription {
    /// Its name.
    pub id: String,
    /// How bad what it finds is.
    pub severity: Severity,
    /// Whether it is in use.
    pub enabled: bool,
    /// The title of its incidents, with its placeholders.
    pub title: String,
    /// The description of its incidents, with its placeholders.
    pub description: String,
    /// What it looks for, by option.
    pub patterns: Map<String, Value>,
    /// Numbers that decide when it acts, by option.
    pub limits: Map<String, Value>,
}

/// What a rule makes of a line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineOutcome {
    /// True if the rule acts on the line.
    pub matches: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the groups of the pattern captured; one that took no part is `null`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Option<String>>,
    /// The number that was read from the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The title of the incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The description of the incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How a test of a rule went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestOutcome {
    /// The line.
    pub line: String,
    /// True if the rule does with it what it should.
    pub passes: bool,
    /// What it does instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl LineOutcome {
    /// A line on which the rule does not act, because of `reason`.
    #[must_use]
    pub fn no_match(reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::default()
        }
    }
}

impl TestOutcome {
    /// The outcome of a test of `line`; `failure` says what was wrong.
    #[must_use]
    pub fn new(line: &str, failure: Option<String>) -> Self {
        Self {
            line: line.to_owned(),
            passes: failure.is_none(),
            failure,
        }
    }
}
