//! The options.

use std::collections::BTreeSet;
use std::time::Duration;

use opspilot_core::config::KeyPath;
use opspilot_core::incident::Severity;
use opspilot_core::module::BuildError;
use opspilot_core::safety::runbook::{Runbook, Step, StepAction, StepKind};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Settings;
use super::matching::{Choice, Criteria};

/// How large a compiled pattern may be, in bytes.
const PATTERN_LIMIT: usize = 1 << 20;

/// How long a step of a person waits for them, unless the options say otherwise.
const PATIENCE: Duration = Duration::from_hours(24);

/// The options of `action.runbook`.
///
/// ```yaml
/// modules:
///   action.runbook:
///     runbooks:
///       - id: web-hangs
///         title: The web server hangs
///         match: { severity: [critical], titlePattern: web server }
///         steps:
///           - { kind: manual, title: Take the server out of the load balancer }
///           - { kind: command, title: Restart it, action: restart-service, arguments: { unit: nginx } }
///           - { kind: wait, title: Let it warm up, seconds: 30 }
///           - { kind: check, title: It answers, action: restart-service, arguments: { unit: nginx } }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The runbooks.
    pub runbooks: Vec<RunbookConfig>,
    /// Must be false: nothing is done that a person has not approved.
    pub auto_execute: bool,
    /// Each step that changes something is approved for itself. If false, one approval holds for all of them, as long as
    /// they begin within its 15 minutes; what is left then is proposed again.
    pub require_approval_per_step: bool,
    /// How long a step may take, in milliseconds, before the run waits for a person who says how to go on. A step may say
    /// otherwise with `timeoutSeconds`. Steps of people wait 24 hours for them.
    #[schemars(range(min = 1_000))]
    pub step_timeout_ms: u64,
    /// How many runs may go on at the same time, with those that wait for an approval. Paused runs do not count.
    #[schemars(range(min = 1))]
    pub max_concurrent_runbooks: usize,
    /// How many runs are kept; the oldest that are over are removed.
    #[schemars(range(min = 10))]
    pub max_runbook_history: u64,
    /// How many milliseconds after a run for an incident ended the next may start by itself for the same incident.
    pub cooldown_ms: u64,
    /// Runs start by themselves for incidents of these severities.
    pub severity_filter: Vec<Severity>,
}

/// Ordered steps against one kind of trouble.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunbookConfig {
    /// Its id, unique among the runbooks.
    #[schemars(length(min = 1))]
    pub id: String,
    /// One line for people.
    pub title: String,
    /// For which incidents it starts by itself: the runbook that matches best does. Without it, it starts when a person
    /// says so, or when a summary suggests it.
    #[serde(default)]
    pub r#match: Option<MatchConfig>,
    /// The steps, in order.
    #[schemars(length(min = 1, max = 50))]
    pub steps: Vec<StepConfig>,
}

/// For which incidents a runbook is meant; whatever is named must hold. The detector's rule says more than the title, and
/// that more than the severity: the runbook with the best reasons starts, the first of those with equal ones.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MatchConfig {
    /// The severities.
    pub severity: Vec<Severity>,
    /// A regular expression that the title must match, letters of either case.
    pub title_pattern: Option<String>,
    /// The ids of the rules that found the incident.
    pub rule: Vec<String>,
}

/// One step, by its `kind`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum StepConfig {
    /// A person does something and says when it is done.
    Manual(PersonStep),
    /// A program is started: an action of the catalogue.
    Command(ActionStep),
    /// A request is sent: an action of the catalogue.
    Http(ActionStep),
    /// Time passes.
    Wait(WaitStep),
    /// The post-condition of an action of the catalogue must hold; nothing is changed.
    Check(CheckStep),
    /// A person says whether to go on.
    Approval(PersonStep),
}

/// A step of a person.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersonStep {
    /// What to do or to decide.
    pub title: String,
    /// How many seconds it waits for them before the run is paused.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub timeout_seconds: Option<u64>,
}

/// A step that changes something.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionStep {
    /// What it is for.
    pub title: String,
    /// The type of action in the catalogue of `action.safe`.
    #[schemars(length(min = 1))]
    pub action: String,
    /// The values of its parameters.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// How many seconds it may take; takes the place of `stepTimeoutMs`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub timeout_seconds: Option<u64>,
    /// The run goes on when the step fails.
    #[serde(default)]
    pub may_fail: bool,
}

/// A step in which time passes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitStep {
    /// What for.
    #[serde(default)]
    pub title: Option<String>,
    /// How many seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub seconds: u64,
}

/// A step that looks at something.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckStep {
    /// What must hold.
    pub title: String,
    /// The type of action in the catalogue of `action.safe` whose post-condition must hold.
    #[schemars(length(min = 1))]
    pub action: String,
    /// The values of its parameters.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// It is looked at again and again for so many seconds before the step fails; takes the place of `stepTimeoutMs`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub timeout_seconds: Option<u64>,
    /// The run goes on when the step fails.
    #[serde(default)]
    pub may_fail: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            runbooks: Vec::new(),
            auto_execute: false,
            require_approval_per_step: true,
            step_timeout_ms: 300_000,
            max_concurrent_runbooks: 10,
            max_runbook_history: 500,
            cooldown_ms: 60_000,
            severity_filter: vec![Severity::Warning, Severity::Critical],
        }
    }
}

impl Config {
    pub(super) const fn settings(&self) -> Settings {
        Settings {
            max_history: self.max_runbook_history,
            cooldown: Duration::from_millis(self.cooldown_ms),
        }
    }
}

/// The runbooks of the options, and how one is chosen.
pub(super) fn check(config: &Config) -> Result<(Choice, Vec<Runbook>), BuildError> {
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    let mut fault = |path: KeyPath, message: String| faults.push(BuildError::option(path, message));
    if config.auto_execute {
        let message = "must be false: nothing is done that a person has not approved";
        fault(KeyPath::of(["autoExecute"]), message.into());
    }
    let (mut criteria, mut runbooks) = (Vec::new(), Vec::new());
    for (index, runbook) in config.runbooks.iter().enumerate() {
        let path = KeyPath::of(["runbooks"]).with_index(index);
        if !seen.insert(&runbook.id) {
            let message = format!("`{}` is taken: give each its own id", runbook.id);
            fault(path.with_key("id"), message);
        }
        match self::criteria(runbook) {
            Ok(found) => criteria.extend(found),
            Err(error) => {
                let path = path.with_key("match").with_key("titlePattern");
                fault(path, error.to_string());
            }
        }
        let timeout = Duration::from_millis(config.step_timeout_ms);
        runbooks.push(Runbook {
            id: runbook.id.clone(),
            title: runbook.title.clone(),
            steps: runbook
                .steps
                .iter()
                .map(|step| step.ready(timeout))
                .collect(),
        });
    }
    match BuildError::join(faults) {
        Some(error) => Err(error),
        None => Ok((
            Choice::new(config.severity_filter.clone(), criteria),
            runbooks,
        )),
    }
}

fn criteria(runbook: &RunbookConfig) -> Result<Option<Criteria>, regex::Error> {
    let Some(wanted) = &runbook.r#match else {
        return Ok(None);
    };
    let compile = |pattern: &String| -> Result<Regex, regex::Error> {
        let mut builder = RegexBuilder::new(pattern);
        builder
            .case_insensitive(true)
            .size_limit(PATTERN_LIMIT)
            .build()
    };
    Ok(Some(Criteria {
        runbook: runbook.id.clone(),
        severities: wanted.severity.clone(),
        title: wanted.title_pattern.as_ref().map(compile).transpose()?,
        rules: wanted.rule.clone(),
    }))
}

impl StepConfig {
    /// The step as it is carried out; `timeout` is the usual one.
    fn ready(&self, timeout: Duration) -> Step {
        let seconds = |own: Option<u64>, usual| own.map_or(usual, Duration::from_secs);
        let step = |kind, instruction: &str, patience| Step {
            kind,
            instruction: instruction.to_owned(),
            action: None,
            wait_ms: 0,
            timeout_ms: millis(patience),
            may_fail: false,
        };
        let action = |kind, own: &ActionStep| Step {
            action: named(&own.action, &own.arguments),
            may_fail: own.may_fail,
            ..step(kind, &own.title, seconds(own.timeout_seconds, timeout))
        };
        let person =
            |kind, own: &PersonStep| step(kind, &own.title, seconds(own.timeout_seconds, PATIENCE));
        match self {
            Self::Manual(own) => person(StepKind::Manual, own),
            Self::Approval(own) => person(StepKind::Approval, own),
            Self::Command(own) => action(StepKind::Command, own),
            Self::Http(own) => action(StepKind::Http, own),
            Self::Wait(own) => {
                let title = own.title.clone();
                let title = title.unwrap_or_else(|| format!("Wait {} s", own.seconds));
                Step {
                    wait_ms: millis(Duration::from_secs(own.seconds)),
                    ..step(StepKind::Wait, &title, timeout)
                }
            }
            Self::Check(own) => Step {
                action: named(&own.action, &own.arguments),
                may_fail: own.may_fail,
                ..step(
                    StepKind::Check,
                    &own.title,
                    seconds(own.timeout_seconds, timeout),
                )
            },
        }
    }
}

fn named(action_type: &str, arguments: &Map<String, Value>) -> Option<StepAction> {
    Some(StepAction {
        action_type: action_type.to_owned(),
        arguments: arguments.clone(),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
