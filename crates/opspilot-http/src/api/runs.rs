//! Runs of runbooks.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use opspilot_core::incident::IncidentId;
use opspilot_core::safety::runbook::{Run, RunState, Runbook, RunbookError};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json, json_with};
use super::params::Params;
use super::problem::{Code, Problem};
use super::proposals::{Asked, REASON_LENGTH};
use super::routes::{Input, Reply, Shape};
use super::state::State;

/// The longest id, in characters.
const ID_LENGTH: usize = 200;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RunList")]
struct ListBody {
    count: usize,
    runs: Vec<Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RunbookList")]
struct RunbooksBody<'a> {
    count: usize,
    runbooks: &'a [Runbook],
}

pub(super) const RUNBOOKS: Shape = Shape::json::<RunbooksBody<'_>>();
pub(super) const LIST: Shape = Shape::json::<ListBody>()
    .paged()
    .query(&[Input::list::<RunState>("state", "Runs in any of these.")]);
pub(super) const GET: Shape = Shape::json::<Run>().problems(&[Code::NO_SUCH_RUN]);
pub(super) const START: Shape = Shape::of(Reply::json::<Run>(201))
    .fields(&[
        Input::text("runbookId", ID_LENGTH, "The runbook.").required(),
        Input::text("incidentId", ID_LENGTH, "The incident that it is for.").required(),
    ])
    .problems(&[Code::NO_SUCH_RUNBOOK, Code::NO_SUCH_INCIDENT, Code::NOT_NOW]);
pub(super) const PAUSE: Shape = Shape::json::<Run>()
    .fields(&[Input::text("reason", REASON_LENGTH, "Why.")])
    .problems(&[Code::NO_SUCH_RUN, Code::NOT_NOW]);
pub(super) const RESUME: Shape = PAUSE;
pub(super) const ABORT: Shape = PAUSE;
pub(super) const COMPLETE: Shape = PAUSE;
pub(super) const SKIP: Shape = PAUSE;

/// `GET /runbooks`
pub(super) async fn runbooks(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let offered = state.cx.runbooks.runbooks();
    json(&RunbooksBody {
        count: offered.all.len(),
        runbooks: &offered.all,
    })
}

/// `GET /runs`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor());
    let states = params.list("state");
    params.finish()?;
    let (runs, next) = state.cx.runbooks.list(&states, cursor, limit).await?;
    json(&ListBody {
        count: runs.len(),
        runs,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

/// `GET /runs/{id}`
pub(super) async fn get(
    Extract(state): Extract<State>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(|_| Problem::of(Code::NO_SUCH_RUN))?;
    json(&state.cx.runbooks.get(&id).await?)
}

/// `POST /runs`
pub(super) async fn start(mut asked: Asked) -> Answer {
    let runbook = asked.fields.required_text("runbookId", ID_LENGTH);
    let incident = asked.fields.required_text("incidentId", ID_LENGTH);
    asked.fields.finish()?;
    asked.state.require_storage()?;
    let (runbook, incident) = (runbook.unwrap_or_default(), incident.unwrap_or_default());
    let runs = &asked.state.cx.runbooks;
    let run = runs
        .start(
            &runbook,
            &IncidentId::from(incident),
            asked.caller.identity(),
        )
        .await?;
    json_with(StatusCode::CREATED, &run)
}

/// `POST /runs/{id}/pause`
pub(super) async fn pause(id: Id, asked: Asked) -> Answer {
    let (id, asked, reason) = asked.about_run(id)?;
    let by = asked.caller.identity();
    json(&asked.state.cx.runbooks.pause(&id, by, reason).await?)
}

/// `POST /runs/{id}/resume`
pub(super) async fn resume(id: Id, asked: Asked) -> Answer {
    let (id, asked, reason) = asked.about_run(id)?;
    let by = asked.caller.identity();
    json(&asked.state.cx.runbooks.resume(&id, by, reason).await?)
}

/// `POST /runs/{id}/abort`
pub(super) async fn abort(id: Id, asked: Asked) -> Answer {
    let (id, asked, reason) = asked.about_run(id)?;
    let by = asked.caller.identity();
    json(&asked.state.cx.runbooks.abort(&id, by, reason).await?)
}

/// `POST /runs/{id}/steps/{step}/complete`
pub(super) async fn complete(place: Place, asked: Asked) -> Answer {
    let (id, step, asked, note) = asked.about_step(place)?;
    let by = asked.caller.identity();
    let runs = &asked.state.cx.runbooks;
    json(&runs.complete_step(&id, step, by, note).await?)
}

/// `POST /runs/{id}/steps/{step}/skip`
pub(super) async fn skip(place: Place, asked: Asked) -> Answer {
    let (id, step, asked, reason) = asked.about_step(place)?;
    let by = asked.caller.identity();
    json(&asked.state.cx.runbooks.skip(&id, step, by, reason).await?)
}

/// The run that a path names.
type Id = Result<Path<String>, PathRejection>;

/// The step of a run that a path names, counted from 0.
type Place = Result<Path<(String, usize)>, PathRejection>;

/// Everything of a request after its reason was read.
struct Read {
    state: State,
    caller: super::caller::Caller,
}

impl Asked {
    fn about_run(self, id: Id) -> Result<(String, Read, Option<String>), Problem> {
        let Path(id) = id.map_err(|_| Problem::of(Code::NO_SUCH_RUN))?;
        let (read, reason) = self.with_reason()?;
        Ok((id, read, reason))
    }

    fn about_step(self, place: Place) -> Result<(String, usize, Read, Option<String>), Problem> {
        let Path((id, step)) = place.map_err(|_| Problem::of(Code::NO_SUCH_RUN))?;
        let (read, reason) = self.with_reason()?;
        Ok((id, step, read, reason))
    }

    fn with_reason(mut self) -> Result<(Read, Option<String>), Problem> {
        let reason = self.fields.text("reason", REASON_LENGTH);
        self.fields.finish()?;
        self.state.require_storage()?;
        let Self { state, caller, .. } = self;
        Ok((Read { state, caller }, reason))
    }
}

impl From<RunbookError> for Problem {
    fn from(error: RunbookError) -> Self {
        match error {
            RunbookError::NoSuchRunbook(_) => {
                Self::of(Code::NO_SUCH_RUNBOOK).detail(error.to_string())
            }
            RunbookError::NoSuchRun(_) => Self::of(Code::NO_SUCH_RUN),
            RunbookError::NotNow(_) | RunbookError::Busy(_) => {
                Self::of(Code::NOT_NOW).detail(error.to_string())
            }
            RunbookError::Forbidden(why) => Self::of(Code::FORBIDDEN).detail(why),
            RunbookError::Incident(incident) => incident.into(),
            RunbookError::Storage(storage) => storage.into(),
            RunbookError::Publish(publish) => publish.into(),
            other => Self::internal(opspilot_core::error::chain(&other)),
        }
    }
}
