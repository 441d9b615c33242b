//! What a route makes of a body.

use std::collections::BTreeMap;

use opspilot_core::incident::Severity;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What becomes of a body of any JSON.
///
/// Places are JSON pointers (`/alerts/0/name`) into the item, or into the whole body with `$` before them. Texts may hold
/// places in braces: `{/host} is down`; a place where nothing is leaves nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MapConfig {
    /// The list of items, each of which becomes a signal; what is no list is one item. Empty: the whole body.
    #[serde(default)]
    pub items: String,
    /// Only items whose values at all of these places are among those given.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// What an item becomes.
    #[serde(rename = "as")]
    pub kind: As,
    /// With `incident`: a text that names the incident. The same text names the same incident.
    #[serde(default)]
    pub identity: Option<String>,
    /// With `incident`: the place of the time when it began, as RFC 3339 or as a Unix time. With it, a thing that begins
    /// again is another incident.
    #[serde(default)]
    pub starts_at: Option<String>,
    /// With `incident`: the item says that it is over if its values at all of these places are among those given.
    #[serde(default)]
    pub resolved_when: BTreeMap<String, Vec<String>>,
    /// With `incident`: the title.
    #[serde(default)]
    pub title: Option<String>,
    /// With `incident`: what happened.
    #[serde(default)]
    pub description: Option<String>,
    /// With `incident`: the place of a word for the severity.
    #[serde(default)]
    pub severity: Option<String>,
    /// What words for severity mean, besides the usual ones.
    #[serde(default)]
    pub severities: BTreeMap<String, Severity>,
    /// The severity when no word is given or nobody knows it.
    #[serde(default)]
    pub default_severity: Severity,
    /// With `log`: the text of the record.
    #[serde(default)]
    pub line: Option<String>,
    /// Facts of the signal by name, each with its place.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// What an item becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum As {
    /// An incident, or its end.
    Incident,
    /// A log record, which rules look at.
    Log,
}

/// A body and what a route should make of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BodyTest {
    /// The body, as JSON text or as it is.
    pub body: Value,
    /// With `github`: the event, as `X-GitHub-Event` would say.
    #[serde(default)]
    pub event: Option<String>,
    /// All signals in order.
    pub expect: Vec<Expected>,
}

/// One signal; what is not given may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expected {
    /// What it is.
    #[serde(rename = "as")]
    pub kind: ExpectedKind,
    /// Its title.
    #[serde(default)]
    pub title: Option<String>,
    /// Its severity.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// What names it.
    #[serde(default)]
    pub identity: Option<String>,
    /// Its text.
    #[serde(default)]
    pub line: Option<String>,
}

/// What a signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExpectedKind {
    /// An incident, or one more of it.
    Incident,
    /// The end of an incident.
    Resolved,
    /// A log record.
    Log,
}
