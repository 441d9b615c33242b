//! The rules of all detectors: reading them, and trying one without touching what runs.

pub(super) mod changes;
mod chosen;
mod dry_run;
mod lines;

use axum::extract::State as Extract;
use opspilot_core::config::ModuleOptions;
use opspilot_core::rules::{RuleCount, RuleDescription, RuleKind};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::answer::{Answer, json};
use super::params::Params;
use super::problem::Problem;
use super::routes::{Input, Shape};
use super::state::State;

pub(super) use self::dry_run::{DRY_RUN, dry_run};
pub(super) use self::lines::{TEST, test};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RuleList")]
struct ListBody {
    count: usize,
    rules: Vec<RuleBody>,
    /// The detectors that can have rules, whether they have some or not.
    detectors: Vec<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Rule")]
struct RuleBody {
    detector: String,
    /// Whether its detector runs.
    running: bool,
    #[serde(flatten)]
    rule: RuleDescription,
    /// The lines that `opspilot-server check` and `POST /rules/test` try it with.
    tests: Value,
    /// How often it matched since the server started; `null` if it did not.
    matched: Option<RuleCount>,
}

/// A detector with its section of the configuration.
#[derive(Debug)]
struct Detector {
    kind: &'static dyn RuleKind,
    options: ModuleOptions,
    is_running: bool,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>().query(&[Input::text(
    "detector",
    usize::MAX,
    "Rules of this detector.",
)]);

/// `GET /rules`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let detector = params.text("detector");
    params.finish()?;
    let mut rules = Vec::new();
    for found in detectors(&state) {
        if detector.as_ref().is_none_or(|id| id == found.options.id()) {
            rules.extend(described(&state, &found)?);
        }
    }
    json(&ListBody {
        count: rules.len(),
        rules,
        detectors: with_rules(&state),
    })
}

/// The ids of the modules that can have rules.
fn with_rules(state: &State) -> Vec<&'static str> {
    let factories = state.cx.system.factories().into_iter();
    let with_rules = factories.filter(|factory| factory.rules().is_some());
    with_rules.map(|factory| factory.manifest().id).collect()
}

/// The detectors that the configuration has a section for and that have rules.
fn detectors(state: &State) -> Vec<Detector> {
    let system = &state.cx.system;
    let Some(config) = system.config() else {
        return Vec::new();
    };
    let detector = |options: &ModuleOptions| {
        Some(Detector {
            kind: system.factory(options.id())?.rules()?,
            is_running: system.module(options.id()).is_some(),
            options: options.clone(),
        })
    };
    config.modules().filter_map(detector).collect()
}

fn described(state: &State, detector: &Detector) -> Result<Vec<RuleBody>, Problem> {
    let id = detector.options.id();
    let shown = detector.options.shown();
    let described = match detector.kind.describe(&detector.options) {
        Ok(described) => described,
        // The section of a detector that is off may be anything.
        Err(_) if !detector.is_running => Vec::new(),
        Err(errors) => return Err(Problem::internal(errors.to_string())),
    };
    let body = |(index, rule): (usize, RuleDescription)| RuleBody {
        detector: id.to_owned(),
        running: detector.is_running,
        tests: shown["rules"][index]["tests"].clone(),
        matched: state.cx.system.rule_counts().of(id, &rule.id),
        rule,
    };
    Ok(described.into_iter().enumerate().map(body).collect())
}
