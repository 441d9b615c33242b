//! Views that people save: a name and the query of a list. Each belongs to whoever saved it, and nobody else sees it.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State as Extract};
use axum::http::request::Parts;
use opspilot_core::views::{SavedView, SavedViews, ViewError};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json};
use super::caller::Caller;
use super::params::Params;
use super::problem::{Code, Problem};
use super::proposals::Asked;
use super::routes::{Input, Shape};
use super::state::State;

/// The longest names and queries, in characters.
const NAME_LENGTH: usize = 100;
const QUERY_LENGTH: usize = 2_000;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SavedViewList")]
struct ListBody {
    count: usize,
    views: Vec<SavedView>,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>();
pub(super) const GET: Shape = Shape::json::<SavedView>().problems(&[Code::NO_SUCH_VIEW]);
pub(super) const PUT: Shape = Shape::json::<SavedView>()
    .fields(&[Input::text("query", QUERY_LENGTH, "The query of a list.").required()])
    .problems(&[Code::NO_SUCH_VIEW, Code::NOT_NOW]);
pub(super) const REMOVE: Shape = Shape::json::<SavedView>()
    .fields(&[])
    .problems(&[Code::NO_SUCH_VIEW]);

/// `GET /views`
pub(super) async fn list(Extract(state): Extract<State>, caller: Caller, params: Params) -> Answer {
    params.finish()?;
    let views = state.saved_views()?.of(&caller.name()).await?;
    json(&ListBody {
        count: views.len(),
        views,
    })
}

/// `GET /views/{name}`
pub(super) async fn get(Extract(state): Extract<State>, caller: Caller, name: Name) -> Answer {
    json(&state.saved_views()?.get(&caller.name(), &name.0).await?)
}

/// `PUT /views/{name}`
pub(super) async fn put(name: Name, mut asked: Asked) -> Answer {
    let query = asked.fields.required_text("query", QUERY_LENGTH);
    asked.fields.finish()?;
    asked.state.require_storage()?;
    let (views, owner) = (asked.state.saved_views()?, asked.caller.name());
    let query = query.unwrap_or_default();
    json(&views.put(&owner, &name.0, &query).await?)
}

/// `DELETE /views/{name}`
pub(super) async fn remove(name: Name, asked: Asked) -> Answer {
    asked.fields.finish()?;
    asked.state.require_storage()?;
    let (views, owner) = (asked.state.saved_views()?, asked.caller.name());
    json(&views.remove(&owner, &name.0).await?)
}

/// The name that a path gives a view.
#[derive(Debug)]
pub(super) struct Name(String);

impl FromRequestParts<State> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let path: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let name = path.map(|Path(name)| name).unwrap_or_default();
        let is_usual = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
        let is_name = !name.trim().is_empty() && name.chars().all(is_usual);
        match is_name && name.chars().count() <= NAME_LENGTH {
            true => Ok(Self(name)),
            false => {
                let detail = format!(
                    "a view is called by 1 to {NAME_LENGTH} letters, digits, spaces, `-`, `_` and `.`"
                );
                Err(Problem::of(Code::NO_SUCH_VIEW).detail(detail))
            }
        }
    }
}

impl State {
    /// The saved views.
    ///
    /// # Errors
    /// When the module was not given them.
    fn saved_views(&self) -> Result<&SavedViews, Problem> {
        let access = self.cx.access.as_ref();
        access
            .map(|access| &access.views)
            .ok_or_else(|| Problem::internal("the module was given no saved views"))
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::NotFound(_) => Self::of(Code::NO_SUCH_VIEW),
            ViewError::TooMany => Self::of(Code::NOT_NOW).detail(error.to_string()),
            ViewError::Storage(storage) => storage.into(),
            ViewError::Publish(publish) => publish.into(),
            other => Self::internal(opspilot_core::error::chain(&other)),
        }
    }
}
