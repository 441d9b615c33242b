//! The page that shows the document to people.

use axum::extract::State as Extract;
use axum::http::HeaderMap;

use super::super::answer::Answer;
use super::super::problem::{Code, Problem};
use super::super::routes::{Reply, Shape};
use super::super::state::State;

pub(in crate::api) const DOCS: Shape = Shape::of(Reply::text(&["text/html"]));

/// `GET /docs`
///
/// The page holds nothing of the server: its script asks for the document with the caller's credential.
pub(in crate::api) async fn docs(Extract(state): Extract<State>, headers: HeaderMap) -> Answer {
    let site = state.site.as_ref();
    let page = site.map(|site| site.docs(&headers));
    page.ok_or_else(|| Problem::of(Code::NOT_FOUND))
}
