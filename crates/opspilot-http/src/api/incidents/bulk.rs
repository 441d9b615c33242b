//! One change of several incidents. Each is changed and audited by itself, as if it had been asked for alone, and has an
//! outcome of its own.

use opspilot_core::incident::{Change, IncidentId, Status, Transition};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::info;

use super::super::answer::{Answer, json};
use super::super::problem::Problem;
use super::super::proposals::Asked;
use super::super::routes::{Form, Input, Shape};
use super::{ASSIGNEE_LENGTH, COMMENT_LENGTH, ID_LENGTH, REASON_LENGTH, kind};

/// How many incidents one request may change.
const MOST: usize = 200;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BulkOutcome")]
struct BulkBody {
    /// How many were changed, and how many were not.
    changed: usize,
    failed: usize,
    outcomes: Vec<Outcome>,
}

/// What became of one incident.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IncidentOutcome")]
struct Outcome {
    id: IncidentId,
    /// The status that a request for this one alone would have been answered with.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    incident_status: Option<Status>,
    /// Why it was not changed: a code and its explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(in crate::api) const BULK: Shape = Shape::json::<BulkBody>().one_of(&[
    &[IDS, change(TRANSITIONS), REASON],
    &[IDS, change(&["assign"]), REASON, ASSIGNEE],
    &[IDS, change(&["comment"]), REASON, TEXT],
]);

const IDS: Input = Input::new("ids", Form::Texts(MOST, ID_LENGTH), "The incidents.").required();
const REASON: Input = Input::text("reason", REASON_LENGTH, "Why.");
const ASSIGNEE: Input = Input::new(
    "assignee",
    Form::TextOrNull(ASSIGNEE_LENGTH),
    "Who works on them.",
)
.required();
const TEXT: Input = Input::text("text", COMMENT_LENGTH, "The remark.").required();

const TRANSITIONS: &[&str] = &["acknowledge", "resolve", "close", "reopen"];

const fn change(words: &'static [&'static str]) -> Input {
    Input::new("change", Form::Words(words), "What to do.").required()
}

/// `POST /incidents/bulk`
pub(in crate::api) async fn bulk(mut asked: Asked) -> Answer {
    let fields = &mut asked.fields;
    let ids = fields.texts("ids", (MOST, ID_LENGTH)).unwrap_or_default();
    let mut ids: Vec<_> = ids.into_iter().map(IncidentId::from).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        fields.refuse("ids", "name at least one incident");
    }
    let change = change_of(&mut asked);
    let reason = asked.fields.text("reason", REASON_LENGTH);
    asked.fields.finish()?;
    let Some(change) = change else {
        return Err(Problem::internal("a fault that nobody told"));
    };
    asked.state.require_storage()?;
    let actor = asked.caller.name();
    let count = ids.len();
    info!(
        actor,
        change = kind(&change),
        count,
        "incidents are changed"
    );
    let mut outcomes = Vec::with_capacity(count);
    for id in ids {
        let incidents = &asked.state.cx.incidents;
        let changed = incidents.change(&id, change.clone(), &actor, reason.clone());
        outcomes.push(match changed.await {
            Ok(incident) => Outcome {
                id,
                status: 200,
                incident_status: Some(incident.status),
                code: None,
                detail: None,
            },
            Err(error) => Outcome::failed(id, &error.into()),
        });
    }
    let changed = outcomes.iter().filter(|one| one.code.is_none()).count();
    json(&BulkBody {
        changed,
        failed: outcomes.len() - changed,
        outcomes,
    })
}

/// The change that `change` names, with what belongs to it.
fn change_of(asked: &mut Asked) -> Option<Change> {
    let fields = &mut asked.fields;
    let name = fields.required_text("change", 20)?;
    let transition = match name.as_str() {
        "acknowledge" => Transition::Acknowledge,
        "resolve" => Transition::Resolve,
        "close" => Transition::Close,
        "reopen" => Transition::Reopen,
        "assign" => {
            let assignee = fields.required_or_null("assignee", ASSIGNEE_LENGTH)?;
            return Some(Change::Assign(assignee));
        }
        "comment" => {
            let text = fields.required_text("text", COMMENT_LENGTH)?;
            return Some(Change::Comment(text));
        }
        _ => {
            let words = "write `acknowledge`, `resolve`, `close`, `reopen`, `assign` or `comment`";
            fields.refuse("change", words);
            return None;
        }
    };
    Some(Change::Transition(transition))
}

impl Outcome {
    fn failed(id: IncidentId, problem: &Problem) -> Self {
        Self {
            id,
            status: problem.status().as_u16(),
            incident_status: None,
            code: Some(problem.code()),
            detail: problem.explanation(),
        }
    }
}
