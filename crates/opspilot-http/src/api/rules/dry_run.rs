//! One rule against the evidence of incidents that are stored: the lines that led to them.

use std::sync::Arc;
use std::time::Duration;

use opspilot_core::changes::Evidence;
use opspilot_core::clock::Timestamp;
use opspilot_core::incident::{Incident, IncidentFilter, IncidentId};
use opspilot_core::rules::{LineOutcome, RuleDescription, RuleTrial};
use opspilot_core::signal::Attributes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::super::answer::{Answer, json};
use super::super::problem::Problem;
use super::super::proposals::Asked;
use super::super::routes::{Form, Input, Shape};
use super::super::state::State;
use super::chosen::{DETECTOR, ID, PROBLEMS, RULE, Wanted};

/// How many incidents are looked at, at most, and when the request does not say.
const MOST: u64 = 5_000;
const USUAL: u64 = 1_000;

/// How many are read at once.
const PAGE: usize = 200;

/// How many matches are shown, and how much of each line, in bytes. All are counted.
const SHOWN: usize = 100;
const LINE_LENGTH: usize = 1 << 10;

/// How long the whole may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleDryRun")]
struct DryRunBody {
    detector: String,
    rule: RuleDescription,
    #[serde(flatten)]
    looked: Looked,
}

/// What was looked at, and what was found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Looked {
    /// How many incidents were looked at, and how many of them have a line as evidence.
    incidents: usize,
    lines: usize,
    /// How many of those lines match.
    matched: usize,
    /// The first of the matches.
    matches: Vec<Found>,
    /// False if there are more incidents than were looked at; `stopped` says why.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
}

/// A line of an incident that the rule matches.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleMatch")]
struct Found {
    incident_id: IncidentId,
    detected_at: Timestamp,
    /// What the incident is called now.
    title: String,
    line: String,
    outcome: LineOutcome,
}

const INCIDENTS: Input = Input::new(
    "incidents",
    Form::Number(MOST),
    "How many incidents to look at; 1,000 unless said.",
);
pub(in crate::api) const DRY_RUN: Shape = Shape::json::<DryRunBody>()
    .one_of(&[&[DETECTOR, ID, INCIDENTS], &[DETECTOR, RULE, INCIDENTS]])
    .problems(PROBLEMS);

/// `POST /rules/dry-run`
pub(in crate::api) async fn dry_run(mut asked: Asked) -> Answer {
    let wanted = Wanted::of(&mut asked.fields);
    let most = asked.fields.number("incidents", MOST).unwrap_or(USUAL);
    asked.fields.finish()?;
    let Some(wanted) = wanted else {
        return Err(Problem::internal("a fault that nobody told"));
    };
    let chosen = wanted.find(&asked.state)?;
    let _turn = asked.state.turn().await;
    let (detector, rule) = (chosen.detector().to_owned(), chosen.rule.clone());
    let compile = asked.state.cx.tasks.blocking(move || chosen.prepare());
    let trial = compile
        .await
        .map_err(|error| Problem::internal(error.to_string()))??;
    let most = usize::try_from(most).unwrap_or(PAGE);
    let looked = Looked::default().run(&asked.state, trial.into(), most);
    json(&DryRunBody {
        detector,
        rule,
        looked: looked.await?,
    })
}

/// How a rule that somebody proposes does on the newest incidents.
pub(super) async fn evidence(
    state: &State,
    trial: Arc<dyn RuleTrial>,
) -> Result<Evidence, Problem> {
    let tests = trial.tests().len();
    let most = usize::try_from(USUAL).unwrap_or(PAGE);
    let looked = Looked::default().run(state, trial, most).await?;
    Ok(Evidence {
        tests,
        incidents: looked.incidents,
        lines: looked.lines,
        matched: looked.matched,
    })
}

impl Default for Looked {
    fn default() -> Self {
        Self {
            incidents: 0,
            lines: 0,
            matched: 0,
            matches: Vec::new(),
            complete: true,
            stopped: None,
        }
    }
}

impl Looked {
    async fn run(
        mut self,
        state: &State,
        trial: Arc<dyn RuleTrial>,
        most: usize,
    ) -> Result<Self, Problem> {
        let (filter, end) = (IncidentFilter::default(), Instant::now() + PATIENCE);
        let mut cursor = None;
        loop {
            let limit = PAGE.min(most - self.incidents);
            let (page, next) = state.cx.incidents.list(&filter, cursor, limit).await?;
            self.incidents += page.len();
            let trial = Arc::clone(&trial);
            let look = state.cx.tasks.blocking(move || look(&*trial, page));
            let (lines, found) = look
                .await
                .map_err(|error| Problem::internal(error.to_string()))?;
            self.lines += lines;
            self.matched += found.len();
            let room = SHOWN - self.matches.len();
            self.matches.extend(found.into_iter().take(room));
            if next.is_none() {
                return Ok(self);
            }
            let stopped = match self.incidents >= most {
                true => Some("as many incidents as were asked for were looked at"),
                false => (Instant::now() >= end).then_some("it took too long"),
            };
            if stopped.is_some() {
                self.complete = false;
                self.stopped = stopped;
                return Ok(self);
            }
            cursor = next;
        }
    }
}

/// How many lines there are, and those that match.
fn look(trial: &dyn RuleTrial, page: Vec<Incident>) -> (usize, Vec<Found>) {
    let mut lines = 0;
    let mut found = Vec::new();
    for incident in page {
        let Some(line) = incident.context.get("matchedLine").and_then(Value::as_str) else {
            continue;
        };
        lines += 1;
        let attributes = incident
            .context
            .get("attributes")
            .and_then(Value::as_object);
        let none = Attributes::new();
        let outcome = trial.look_at(line, attributes.unwrap_or(&none));
        if outcome.matches {
            found.push(Found {
                line: start(line).to_owned(),
                incident_id: incident.id,
                detected_at: incident.detected_at,
                title: incident.title,
                outcome,
            });
        }
    }
    (lines, found)
}

fn start(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LINE_LENGTH))
        .unwrap_or(line)
}
