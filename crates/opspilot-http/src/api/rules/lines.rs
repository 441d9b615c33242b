//! One rule against lines that a request brings along.

use opspilot_core::rules::{LineOutcome, RuleDescription, TestOutcome};
use opspilot_core::signal::Attributes;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::answer::{Answer, json};
use super::super::problem::Problem;
use super::super::proposals::Asked;
use super::super::routes::{Form, Input, Shape};
use super::chosen::{Chosen, DETECTOR, ID, PROBLEMS, RULE, Wanted};

/// The most lines, and the longest line in characters. A body is bounded besides.
const LINES: (usize, usize) = (1_000, 256 << 10);

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RuleTest")]
struct TestBody {
    detector: String,
    rule: RuleDescription,
    /// How many of the lines match.
    matched: usize,
    /// What the rule makes of each line, in their order.
    lines: Vec<LineOutcome>,
    /// How the rule's own tests go.
    tests: Vec<TestOutcome>,
}

const GIVEN: Input = Input::new("lines", Form::Texts(LINES.0, LINES.1), "The lines.");
const ATTRIBUTES: Input = Input::new("attributes", Form::Object, "The attributes of the lines.");
pub(in crate::api) const TEST: Shape = Shape::json::<TestBody>()
    .one_of(&[
        &[DETECTOR, ID, GIVEN, ATTRIBUTES],
        &[DETECTOR, RULE, GIVEN, ATTRIBUTES],
    ])
    .problems(PROBLEMS);

/// `POST /rules/test`
pub(in crate::api) async fn test(mut asked: Asked) -> Answer {
    let wanted = Wanted::of(&mut asked.fields);
    let lines = asked.fields.texts("lines", LINES).unwrap_or_default();
    let attributes = asked.fields.object("attributes").unwrap_or_default();
    asked.fields.finish()?;
    let Some(wanted) = wanted else {
        return Err(Problem::internal("a fault that nobody told"));
    };
    let chosen = wanted.find(&asked.state)?;
    let _turn = asked.state.turn().await;
    let tasks = &asked.state.cx.tasks;
    let tried = tasks.blocking(move || tried(&chosen, &lines, &attributes));
    let tried = tried.await;
    json(&tried.map_err(|error| Problem::internal(error.to_string()))??)
}

fn tried(chosen: &Chosen, lines: &[String], attributes: &Attributes) -> Result<TestBody, Problem> {
    let trial = chosen.prepare()?;
    let outcomes: Vec<_> = lines
        .iter()
        .map(|line| trial.look_at(line, attributes))
        .collect();
    Ok(TestBody {
        detector: chosen.detector().to_owned(),
        rule: chosen.rule.clone(),
        matched: outcomes.iter().filter(|outcome| outcome.matches).count(),
        lines: outcomes,
        tests: trial.tests(),
    })
}
