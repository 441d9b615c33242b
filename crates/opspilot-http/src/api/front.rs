//! What comes before the router: the answer to `livez`, which whoever watches a server asks for all the time.
//!
//! It depends on nothing, so it goes none of the ways of the other routes; it is guarded, counted and finished as they are.
//! Where it needs credentials, or another site may read it, it is a route like any other.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use axum::http::{Method, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::future::RouteFuture;
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::future::Either;
use opspilot_net::Service;

use super::config::Options;
use super::observe::Seen;
use super::routes::routes;
use super::state::State;
use super::{guard, health};

/// The path of the probe, below that of the API.
const LIVEZ: &str = "/livez";

/// Everything that is served.
#[derive(Debug, Clone)]
pub(super) struct Front {
    state: State,
    /// The whole path of `livez`, if it is answered here.
    livez: Option<Arc<str>>,
    router: Router,
}

impl Front {
    pub(super) fn new(state: State, options: &Options, router: Router) -> Self {
        let is_open = routes()
            .iter()
            .any(|route| route.path == LIVEZ && state.access.is_open_to_all(route));
        let is_here = is_open && state.cors_origin.is_none();
        let livez = is_here.then(|| format!("{}{LIVEZ}", options.base_path).into());
        Self {
            state,
            livez,
            router,
        }
    }

    fn is_livez<B>(&self, request: &Request<B>) -> bool {
        let path = self.livez.as_deref();
        path == Some(request.uri().path()) && request.method() == Method::GET
    }

    fn alive<B>(&self, request: &Request<B>) -> Response {
        let seen = Seen::new(&self.state);
        let answer = match guard::refusal(&self.state, request) {
            Some(problem) => problem.into_response(),
            None => health::alive(&self.state).into_response(),
        };
        seen.finish(&self.state, answer, request.method(), request.uri().path())
    }
}

impl<B> Service<Request<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.is_livez(&request) {
            true => Either::Left(ready(Ok(self.alive(&request)))),
            false => Either::Right(self.router.call(request)),
        }
    }
}
