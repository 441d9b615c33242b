//! Lists of incidents. Severity, status and time are looked up; words, module and assignee are looked for, incident by
//! incident, and the answer says how far that went.

use axum::extract::State as Extract;
use opspilot_core::incident::{Incident, IncidentFilter, Severity, Status};
use opspilot_core::storage::Cursor;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::answer::{Answer, json};
use super::super::params::Params;
use super::super::problem::Problem;
use super::super::routes::{Form, Input, Shape};
use super::super::state::State;
use super::search::{Search, Searched, TEXT_LENGTH};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "IncidentList")]
struct ListBody<I> {
    count: usize,
    incidents: Vec<I>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// How far a search went.
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<Searched>,
}

pub(in crate::api) const LIST: Shape = Shape::json::<ListBody<Incident>>().paged().query(&[
    Input::list::<Severity>("severity", "Incidents of any of these."),
    Input::list::<Status>("status", "Incidents in any of these."),
    Input::new("since", Form::Time, "Stored at this moment or later."),
    Input::new("until", Form::Time, "Stored before this moment."),
    Input::text(
        "q",
        TEXT_LENGTH,
        "Words that are in the title, the description or the matched line.",
    ),
    Input::text("module", usize::MAX, "Incidents of this detector."),
    Input::text(
        "assignee",
        usize::MAX,
        "Incidents of this person; `-` is nobody.",
    ),
]);

/// `GET /incidents`
pub(in crate::api) async fn list(Extract(state): Extract<State>, mut params: Params) -> Answer {
    let filter = IncidentFilter {
        severities: params.list("severity"),
        statuses: params.list("status"),
        since: params.time("since"),
        until: params.time("until"),
    };
    let search = Search::of(&mut params);
    let (limit, cursor) = (params.limit(), params.cursor());
    params.finish()?;
    match search {
        None => stored(&state, &filter, (cursor, limit)).await,
        Some(search) => {
            let found = search.run(&state, &filter, (cursor, limit)).await?;
            answer(found.incidents, found.next, Some(found.searched))
        }
    }
}

/// A page as it is stored, which is the form of the API: nothing is made of it and back.
async fn stored(
    state: &State,
    filter: &IncidentFilter,
    (cursor, limit): (Option<Cursor>, usize),
) -> Answer {
    let page = state
        .cx
        .incidents
        .list_stored(filter, cursor, limit)
        .await?;
    let documents = page.documents.iter();
    let incidents = documents.map(|document| {
        serde_json::from_str::<&RawValue>(&document.json).map_err(|error| {
            let (id, error) = (&document.key, error.to_string());
            Problem::internal(format!(
                "incident `{id}` is stored as damaged JSON: {error}"
            ))
        })
    });
    answer(incidents.collect::<Result<_, _>>()?, page.next, None)
}

fn answer<I: Serialize>(
    incidents: Vec<I>,
    next: Option<Cursor>,
    search: Option<Searched>,
) -> Answer {
    json(&ListBody {
        count: incidents.len(),
        incidents,
        next_cursor: next.map(|cursor| cursor.to_string()),
        search,
    })
}
