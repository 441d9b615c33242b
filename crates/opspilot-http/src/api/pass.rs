//! What every request passes: the guard, a limit of time, and a net for panics. One layer, because each layer costs.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::guard;
use super::problem::{Code, Problem};
use super::state::State;

/// The answer to a request, whatever happens.
pub(super) async fn pass(state: &State, mut request: Request, next: Next) -> Response {
    state.proxies.see_through(&mut request);
    if let Some(problem) = guard::refusal(state, &request) {
        return problem.into_response();
    }
    let limit = state.limits().request;
    let answer = AssertUnwindSafe(timeout(limit, next.run(request)));
    match answer.catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => shared(state, timed_out(limit)),
        Err(panic) => shared(state, panicked(panic)),
    }
}

/// The answer to the page of another site that may read it: the layer that says so was cut short.
fn shared(state: &State, mut response: Response) -> Response {
    if let Some(origin) = &state.cors_origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// A request took too long. A change that was begun may still be made.
fn timed_out(limit: Duration) -> Response {
    Problem::of(Code::TIMED_OUT)
        .detail("a change that was asked for may still be made; look before you ask again")
        .because(format!("no answer within {} s", limit.as_secs()))
        .retry_after(5)
        .into_response()
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast::<&str>()
            .map_or_else(|_| "?".to_owned(), |text| (*text).to_owned()),
    };
    Problem::internal(format!("panic: {text}")).into_response()
}
