//! Incidents: reading and changing.

mod bulk;
mod list;
mod post_mortem;
mod search;

use axum::extract::{FromRequest, FromRequestParts as _, Path, Request, State as Extract};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use opspilot_core::incident::{Change, Incident, IncidentId, TimelineEntry, Transition};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::info;

use super::answer::{Answer, encode, json};
use super::body::{self, Fields};
use super::caller::Caller;
use super::etag::{Condition, ETag};
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Form, Input, Reply, Shape};
use super::state::State;

pub(super) use self::bulk::{BULK, bulk};
pub(super) use self::list::{LIST, list};
pub(super) use self::post_mortem::{POST_MORTEM, post_mortem};

/// The longest id, in bytes; a longer one names nothing.
const ID_LENGTH: usize = 256;

/// The longest texts, in characters.
const REASON_LENGTH: usize = 1_000;
const ASSIGNEE_LENGTH: usize = 200;
const COMMENT_LENGTH: usize = 4_000;

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Timeline")]
struct TimelineBody<'a> {
    count: usize,
    entries: Vec<&'a TimelineEntry>,
    /// How many entries after the first were dropped to keep the incident small.
    dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(super) const GET: Shape = Shape::json::<Incident>()
    .or(Reply::bare(304))
    .tagged()
    .problems(UNKNOWN);
pub(super) const TIMELINE: Shape = Shape::json::<TimelineBody<'_>>().paged().problems(UNKNOWN);
pub(super) const ACKNOWLEDGE: Shape = CHANGE.fields(&[REASON]);
pub(super) const RESOLVE: Shape = ACKNOWLEDGE;
pub(super) const CLOSE: Shape = ACKNOWLEDGE;
pub(super) const REOPEN: Shape = ACKNOWLEDGE;
pub(super) const ASSIGN: Shape = CHANGE.fields(&[
    Input::new(
        "assignee",
        Form::TextOrNull(ASSIGNEE_LENGTH),
        "Who works on it; `null` is nobody.",
    )
    .required(),
    REASON,
]);
pub(super) const COMMENT: Shape =
    CHANGE.fields(&[Input::text("text", COMMENT_LENGTH, "The remark.").required()]);

const UNKNOWN: &[Code] = &[Code::NO_SUCH_INCIDENT];
const CHANGE: Shape = Shape::json::<Incident>().tagged().problems(&[
    Code::NO_SUCH_INCIDENT,
    Code::ILLEGAL_TRANSITION,
    Code::CHANGED,
]);
const REASON: Input = Input::text("reason", REASON_LENGTH, "Why.");

/// `GET /incidents/{id}`
pub(super) async fn get(Extract(state): Extract<State>, id: Id, headers: HeaderMap) -> Answer {
    let incident = state.cx.incidents.get(&id.0).await?;
    let (body, tag) = represent(&incident)?;
    let is_known = Condition::if_none_match(&headers).is_some_and(|known| known.matches(&tag));
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, tag_header(&tag)).into_response());
    }
    Ok((tag_header(&tag), json_header(), body).into_response())
}

/// `GET /incidents/{id}/timeline`
pub(super) async fn timeline(Extract(state): Extract<State>, id: Id, mut params: Params) -> Answer {
    let (limit, cursor) = (params.limit(), params.cursor_as::<u64>());
    params.finish()?;
    let incident = state.cx.incidents.get(&id.0).await?;
    let dropped = incident.timeline_dropped;
    let mut numbered = numbered(&incident.timeline, dropped)
        .skip_while(|(number, _)| cursor.is_some_and(|seen| *number <= seen))
        .peekable();
    let page: Vec<_> = numbered.by_ref().take(limit).collect();
    let last = page.last().filter(|_| numbered.peek().is_some());
    let next_cursor = last.map(|(number, _)| number.to_string());
    let entries: Vec<_> = page.into_iter().map(|(_, entry)| entry).collect();
    json(&TimelineBody {
        count: entries.len(),
        entries,
        dropped,
        next_cursor,
    })
}

/// Entries with numbers that stay theirs when others are dropped; that happens right behind the first.
fn numbered(
    timeline: &[TimelineEntry],
    dropped: u64,
) -> impl Iterator<Item = (u64, &TimelineEntry)> {
    let number = move |index: u64| if index == 0 { 0 } else { index + dropped };
    (0..).map(number).zip(timeline)
}

/// `POST /incidents/{id}/acknowledge`
pub(super) async fn acknowledge(ask: Ask) -> Answer {
    ask.transition(Transition::Acknowledge).await
}

/// `POST /incidents/{id}/resolve`
pub(super) async fn resolve(ask: Ask) -> Answer {
    ask.transition(Transition::Resolve).await
}

/// `POST /incidents/{id}/close`
pub(super) async fn close(ask: Ask) -> Answer {
    ask.transition(Transition::Close).await
}

/// `POST /incidents/{id}/reopen`
pub(super) async fn reopen(ask: Ask) -> Answer {
    ask.transition(Transition::Reopen).await
}

/// `POST /incidents/{id}/assign`
pub(super) async fn assign(mut ask: Ask) -> Answer {
    let assignee = ask.fields.required_or_null("assignee", ASSIGNEE_LENGTH);
    let reason = ask.fields.text("reason", REASON_LENGTH);
    ask.make(Change::Assign(assignee.flatten()), reason).await
}

/// `POST /incidents/{id}/comment`
pub(super) async fn comment(mut ask: Ask) -> Answer {
    let text = ask.fields.required_text("text", COMMENT_LENGTH);
    ask.make(Change::Comment(text.unwrap_or_default()), None)
        .await
}

/// The incident that a path names.
#[derive(Debug)]
pub(super) struct Id(IncidentId);

impl axum::extract::FromRequestParts<State> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let unknown = || Problem::of(Code::NO_SUCH_INCIDENT);
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| unknown())?;
        let is_plain = id.len() <= ID_LENGTH && !id.contains(char::is_control);
        if is_plain {
            Ok(Self(id.into()))
        } else {
            Err(unknown())
        }
    }
}

/// A change that somebody asks for.
#[derive(Debug)]
pub(super) struct Ask {
    state: State,
    id: IncidentId,
    caller: Caller,
    condition: Option<Condition>,
    fields: Fields,
}

impl FromRequest<State> for Ask {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &State) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Id(id) = Id::from_request_parts(&mut parts, state).await?;
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let bytes = body::read(body, state.limits()).await?;
        let fields = Fields::parse(&parts.headers, &bytes)?;
        let condition = Condition::if_match(&parts.headers);
        Ok(Self {
            state: state.clone(),
            id,
            caller,
            condition,
            fields,
        })
    }
}

impl Ask {
    async fn transition(mut self, transition: Transition) -> Answer {
        let reason = self.fields.text("reason", REASON_LENGTH);
        self.make(Change::Transition(transition), reason).await
    }

    /// Makes the change if the fields are right and the precondition holds.
    async fn make(self, change: Change, reason: Option<String>) -> Answer {
        let Self {
            state,
            id,
            caller,
            condition,
            fields,
        } = self;
        fields.finish()?;
        state.require_storage()?;
        let name = caller.name();
        let kind = kind(&change);
        let is_expected = move |incident: &Incident| match &condition {
            Some(condition) => represent(incident).is_ok_and(|(_, tag)| condition.matches(&tag)),
            None => true,
        };
        let changed = state
            .cx
            .incidents
            .change_if(&id, change, &name, reason, is_expected)
            .await?;
        info!(incident = %id, actor = name, change = kind, "incident changed");
        let (body, tag) = represent(&changed)?;
        Ok((tag_header(&tag), json_header(), body).into_response())
    }
}

/// The change's name in the log.
const fn kind(change: &Change) -> &'static str {
    match change {
        Change::Transition(transition) => transition.as_str(),
        Change::Assign(_) => "assign",
        Change::Comment(_) => "comment",
    }
}

/// An incident as it is sent, and the tag of that.
fn represent(incident: &Incident) -> Result<(Vec<u8>, ETag), Problem> {
    let body = encode(incident)?;
    let tag = ETag::of(&body);
    Ok((body, tag))
}

fn tag_header(tag: &ETag) -> HeaderMap {
    tag.value()
        .map(|value| (header::ETAG, value))
        .into_iter()
        .collect()
}

const fn json_header() -> [(header::HeaderName, &'static str); 1] {
    [(header::CONTENT_TYPE, "application/json")]
}
