//! From the table of routes to a router.

use axum::Router;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;

use super::access::Door;
use super::config::Options;
use super::problem::{Code, Problem};
use super::routes::Route;
use super::state::State;
use super::{access, compress, idempotency, observe, rate, routes};
use crate::dashboard;

/// The largest body, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// The router of all routes. The last layer added is the first that a request passes.
pub(super) fn build(state: State, options: &Options) -> Router {
    let limited = mount(&state, &options.base_path, |route| route.rate_limited)
        .fallback(elsewhere)
        .layer(from_fn_with_state(state.clone(), rate::limit));
    let mut router = limited
        .merge(mount(&state, &options.base_path, |route| {
            !route.rate_limited
        }))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT));
    if let Some(origin) = &options.cors_origin {
        router = router.layer(cors(origin.clone()));
    }
    router
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

fn mount(state: &State, base_path: &str, is_wanted: fn(&Route) -> bool) -> Router<State> {
    let rows = routes().iter().filter(|route| is_wanted(route));
    rows.fold(Router::new(), |router, route| {
        let mut handler = route.mount();
        if route.is_once() {
            handler = handler.route_layer(from_fn_with_state(state.clone(), idempotency::once));
        }
        let door = Door {
            state: state.clone(),
            route,
        };
        let mut handler = handler.route_layer(from_fn_with_state(door, access::check));
        if !route.is_secret {
            handler = handler.route_layer(from_fn_with_state(state.clone(), compress::compress));
        }
        router.route(&format!("{base_path}{}", route.path), handler)
    })
    .method_not_allowed_fallback(method_not_allowed)
}

/// What is not the API's is the dashboard's, where it is on.
async fn elsewhere(
    Extract(state): Extract<State>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let is_read = matches!(method, Method::GET | Method::HEAD);
    let found = state.site.as_ref().filter(|_| is_read).and_then(|site| {
        let is_on = dashboard::is_on(&state.cx.system);
        let view = || site.view(uri.path(), &headers).filter(|_| is_on);
        site.file(uri.path(), &headers).or_else(view)
    });
    found.unwrap_or_else(|| Problem::of(Code::NOT_FOUND).into_response())
}

async fn method_not_allowed() -> Problem {
    Problem::of(Code::METHOD_NOT_ALLOWED)
}

fn cors(origin: axum::http::HeaderValue) -> CorsLayer {
    let limits = [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];
    let shown = [
        header::ETAG,
        header::RETRY_AFTER,
        HeaderName::from_static("x-request-id"),
    ];
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static("x-csrf-token"),
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers(
            shown
                .into_iter()
                .chain(limits.map(HeaderName::from_static))
                .collect::<Vec<_>>(),
        )
}
