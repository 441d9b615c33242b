//! Who is on call, and who stands in.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use opspilot_core::clock::Timestamp;
use opspilot_core::oncall::{Escalation, OnCallError, Override, OverrideRequest};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json, json_with};
use super::params::Params;
use super::problem::{Code, Problem};
use super::proposals::{Asked, REASON_LENGTH};
use super::routes::{Form, Input, Reply, Shape};
use super::state::State;

/// The longest id, in characters.
const ID_LENGTH: usize = 200;

/// Who is on call at a moment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OnCall")]
struct OnCallBody {
    at: Timestamp,
    count: usize,
    schedules: Vec<ScheduleBody>,
    people: Vec<PersonBody>,
}

/// Who a schedule names.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OnCallSchedule")]
struct ScheduleBody {
    schedule: String,
    /// Who is on call; `null` is nobody.
    person: Option<String>,
    /// Until when, if that ends.
    until: Option<Timestamp>,
    overrides: Vec<Override>,
}

/// Somebody who can be on call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OnCallPerson")]
struct PersonBody {
    id: String,
    name: String,
    channels: Vec<String>,
}

pub(super) const LIST: Shape =
    Shape::json::<OnCallBody>().query(&[Input::new("at", Form::Time, "When; now unless said.")]);
pub(super) const ESCALATIONS: Shape = Shape::json::<EscalationsBody>().paged();
pub(super) const ADD: Shape = Shape::of(Reply::json::<Override>(201))
    .fields(&[
        Input::text("schedule", ID_LENGTH, "The schedule.").required(),
        Input::text("person", ID_LENGTH, "Who stands in.").required(),
        Input::new("from", Form::Time, "From when.").required(),
        Input::new("until", Form::Time, "Until when, which is not included.").required(),
        Input::text("reason", REASON_LENGTH, "Why."),
    ])
    .problems(&[Code::NOT_NOW]);
pub(super) const REMOVE: Shape = Shape::json::<Override>()
    .fields(&[])
    .problems(&[Code::NO_SUCH_OVERRIDE, Code::NOT_NOW]);

/// `GET /on-call`
pub(super) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let at = params.time("at");
    params.finish()?;
    let at = at.unwrap_or_else(|| state.cx.clock.now());
    let on_call = &state.cx.on_call;
    let roster = on_call.roster();
    let describe = |schedule: &str| -> Result<ScheduleBody, Problem> {
        let duty = on_call.who(schedule, at);
        Ok(ScheduleBody {
            schedule: schedule.to_owned(),
            person: duty.as_ref().and_then(|duty| duty.person.clone()),
            until: duty.and_then(|duty| duty.until),
            overrides: on_call.overrides(schedule)?,
        })
    };
    let schedules: Vec<_> = roster
        .schedules
        .iter()
        .map(|schedule| describe(&schedule.id))
        .collect::<Result<_, _>>()?;
    let people: Vec<_> = roster
        .people
        .iter()
        .map(|person| PersonBody {
            id: person.id.clone(),
            name: person.label().to_owned(),
            channels: person.channels.clone(),
        })
        .collect();
    json(&OnCallBody {
        at,
        count: schedules.len(),
        schedules,
        people,
    })
}

/// `GET /escalations`
pub(super) async fn escalations(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    let (page, next) = match state.cx.on_call.escalations() {
        Some(escalations) => escalations.page(cursor, limit).await?,
        None => (Vec::new(), None),
    };
    json(&EscalationsBody {
        count: page.len(),
        escalations: page,
        next_cursor: next.map(|cursor| cursor.to_string()),
    })
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EscalationList")]
struct EscalationsBody {
    count: usize,
    escalations: Vec<Escalation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// `POST /on-call/overrides`
pub(super) async fn add(mut asked: Asked) -> Answer {
    let fields = &mut asked.fields;
    let schedule = fields.required_text("schedule", ID_LENGTH);
    let person = fields.required_text("person", ID_LENGTH);
    let from = fields.required_time("from");
    let until = fields.required_time("until");
    let reason = fields.text("reason", REASON_LENGTH);
    asked.fields.finish()?;
    asked.state.require_storage()?;
    let request = OverrideRequest {
        schedule: schedule.unwrap_or_default(),
        person: person.unwrap_or_default(),
        from: from.unwrap_or_default(),
        until: until.unwrap_or_default(),
        reason,
    };
    let on_call = &asked.state.cx.on_call;
    let added = on_call.add(request, &asked.caller.name()).await?;
    json_with(StatusCode::CREATED, &added)
}

/// `DELETE /on-call/overrides/{id}`
pub(super) async fn remove(id: Result<Path<String>, PathRejection>, asked: Asked) -> Answer {
    let Path(id) = id.map_err(|_| Problem::of(Code::NO_SUCH_OVERRIDE))?;
    asked.fields.finish()?;
    asked.state.require_storage()?;
    let on_call = &asked.state.cx.on_call;
    json(&on_call.remove(&id, &asked.caller.name()).await?)
}

impl From<OnCallError> for Problem {
    fn from(error: OnCallError) -> Self {
        match error {
            OnCallError::NoSuchOverride(_) => Self::of(Code::NO_SUCH_OVERRIDE),
            OnCallError::Configured(_) | OnCallError::TooMany => {
                Self::of(Code::NOT_NOW).detail(error.to_string())
            }
            OnCallError::NoSuchSchedule(_)
            | OnCallError::NoSuchPerson(_)
            | OnCallError::Time(_) => Self::of(Code::INVALID_REQUEST).detail(error.to_string()),
            OnCallError::Storage(storage) => storage.into(),
            OnCallError::Publish(publish) => publish.into(),
            other => Self::internal(opspilot_core::error::chain(&other)),
        }
    }
}
