//! `GET /stream`: what happens, as it happens, as Server-Sent Events (WHATWG HTML, section 9.2).
//!
//! Each event of the journal is one message: its type as `event`, its place in the journal as `id`, its wire form as
//! `data`. Three more types tell of the stream itself:
//!
//! - `hello` comes first: the place from which the stream goes on, and the server's time;
//! - `beat` comes every few seconds while the stream lives;
//! - `missed` says how many events are left out, because the client was too slow or away for too long. It must read
//!   again what it shows.
//!
//! `Last-Event-ID` (or the parameter `after`) resumes behind that event.

mod feed;
mod follow;
mod hub;

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::IntoResponse as _;
use futures_util::stream;
use opspilot_core::event::CORE_EVENTS;

use super::access::{Door, Way};
use super::answer::Answer;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Form, Input, Reply, Shape, routes};
use super::state::State;

pub(super) use self::feed::Visitor;
pub(super) use self::follow::{Follower, Step};
pub(super) use self::hub::{Frame, Hub};

use self::feed::Feed;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Seconds after which a client may ask for a place again when all are taken.
const RETRY: u32 = 5;

/// A type of event that may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Type(&'static str);

impl FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = CORE_EVENTS.iter().find(|kind| kind.name == text);
        known
            .map(|kind| Self(kind.name))
            .ok_or_else(|| format!("`{text}` is not a type of event"))
    }
}

pub(super) const STREAM: Shape = Shape::of(Reply::text(&["text/event-stream"])).query(&[
    Input::list::<String>("types", "The types of event; all unless said."),
    Input::new(
        "after",
        Form::Place,
        "The `id` of the event behind which to go on.",
    ),
]);

/// `GET /stream`
pub(super) async fn stream(
    Extract(state): Extract<State>,
    mut params: Params,
    request: Request,
) -> Answer {
    let types: Vec<Type> = params.list("types");
    let after = params.parsed::<u64>("after", "write the `id` of an event of this stream");
    params.finish()?;
    let after = last_event_id(request.headers())?.or(after);
    let Some(seat) = state.hub.seat() else {
        return Err(Problem::of(Code::RATE_LIMITED)
            .detail("too many streams are open")
            .retry_after(RETRY));
    };
    let route = routes().iter().find(|route| route.path == "/stream");
    let visitor = Visitor {
        door: route.map(|route| Door {
            state: state.clone(),
            route,
        }),
        way: Way::of(&request)?,
        headers: request.into_parts().0.headers,
    };
    let feed = Feed::new(state, visitor, seat).of(types.into_iter().map(|kind| kind.0));
    let feed = feed.resume(after);
    let pieces = stream::unfold(feed, async |mut feed| {
        let piece = feed.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), feed))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // nginx would otherwise collect the stream before it hands it on.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(Box::pin(pieces))).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(given) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let id = given.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || {
        Problem::of(Code::INVALID_REQUEST)
            .detail("`Last-Event-ID` is not the `id` of an event of this stream")
    };
    id.map(Some).ok_or_else(wrong)
}
