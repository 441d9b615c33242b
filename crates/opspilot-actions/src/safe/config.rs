//! The options of `action.safe`.

use std::collections::BTreeMap;

use opspilot_core::incident::Severity;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::catalogue::Entry;

/// The options of `action.safe`.
///
/// ```yaml
/// modules:
///   action.safe:
///     proposalDelaySec: 5
///     actions:
///       - id: web-down
///         actionType: restart-web
///         description: Restart the web server
///         triggerSeverity: [critical]
///         triggerPattern: "nginx.*(down|refused)"
///     catalogue:
///       restart-web:
///         description: Restarts the web server
///         run: { type: systemd, verb: restart, unit: nginx.service }
///         policy: { role: operator, approvers: 1, maxAgeMinutes: 60 }
///         postCondition: { type: quiet, minutes: 5 }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Proposes the actions of matching rules by itself. Default true.
    pub auto_propose: bool,
    /// How many seconds an incident must last before its actions are proposed, from 0 to 86400. Default 5.
    #[schemars(range(min = 0, max = 86_400))]
    pub proposal_delay_sec: u64,
    /// The rules: which action to propose for which incidents.
    pub actions: Vec<Rule>,
    /// What can be done, by name. Nothing else can.
    pub catalogue: BTreeMap<String, Entry>,
}

/// Which action to propose for which incidents.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// The rule's name.
    pub id: String,
    /// The action: its name in the catalogue, or any name for one that a person does by hand.
    pub action_type: String,
    /// Why it should help.
    pub description: String,
    /// The severities of incidents that it is for.
    #[schemars(length(min = 1))]
    pub trigger_severity: Vec<Severity>,
    /// A regular expression that is found in the incident's title, in any case. Default: every title.
    #[serde(default)]
    pub trigger_pattern: Option<String>,
    /// What a person does by hand; the server never runs it. Only for an action that is not in the catalogue.
    #[serde(default)]
    pub command: Option<String>,
    /// The arguments of an action of the catalogue. A text may hold `{id}`, `{title}`, `{severity}`, `{detectedBy}` and
    /// `{context.<key>}` of the incident; the result must be what the action's parameters demand, or nothing is proposed.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// Switches the rule on. Default true.
    #[serde(default = "on")]
    pub enabled: bool,
}

fn on() -> bool {
    true
}

impl Default for Config {
    fn default() -> Self {
        Self {
            auto_propose: true,
            proposal_delay_sec: 5,
            actions: Vec::new(),
            catalogue: BTreeMap::new(),
        }
    }
}
