//! What a rule should read from a line.

use opspilot_core::signal::Attributes;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Patterns, Rule};
use crate::conditions::allow;

/// A line and the value that the rule should read from it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineTest {
    /// The line.
    pub line: String,
    /// The record's attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// The value; absent: the line is no sample of this rule.
    #[serde(default)]
    pub value: Option<f64>,
}

impl LineTest {
    pub(in super::super) fn failure(&self, rule: &Rule, patterns: &Patterns) -> Option<String> {
        let conditions = (&rule.demanded, &rule.excluded);
        let value = if patterns.metric.is_match(&self.line)
            && allow(conditions, || self.attributes.clone())
        {
            patterns.value(&self.line)
        } else {
            None
        };
        let show = |value: Option<f64>| {
            value.map_or_else(|| "no value".to_owned(), |value| value.to_string())
        };
        (value != self.value).then(|| {
            format!(
                "the rule reads {} from this line, but should read {}",
                show(value),
                show(self.value)
            )
        })
    }
}
