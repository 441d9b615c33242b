//! The outermost layer: gives each request an id, finishes each answer, counts and logs it.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State as Extract};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use opspilot_core::error::escape;
use opspilot_core::event::EventId;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug, error, field, warn};

use super::metrics::known;
use super::pass::pass;
use super::problem::Problem;
use super::state::State;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer that has none of its own. The API's answers are data: nothing in them is to be run, framed,
/// guessed at or kept. The dashboard has a policy of its own, and files that may be kept.
const SAFETY: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Lets a request through and finishes its answer.
pub(super) async fn observe(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    let seen = Seen::new(&state);
    let method = request.method().clone();
    let uri = request.uri().clone();
    let span = span(&request, &seen.id);
    let response = pass(&state, request, next).instrument(span.clone()).await;
    let response = seen.finish(&state, response, &method, uri.path());
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Seen {
    /// Always the server's own: a client's could forge the log.
    id: String,
    started: Instant,
}

impl Seen {
    /// A request that came just now.
    pub(super) fn new(state: &State) -> Self {
        Self {
            // Made as those of events are: without asking the kernel.
            id: EventId::generate(state.cx.clock.now()).to_string(),
            started: Instant::now(),
        }
    }

    /// Finishes the answer, counts and logs it.
    pub(super) fn finish(
        self,
        state: &State,
        mut response: Response,
        method: &Method,
        path: &str,
    ) -> Response {
        let id = self.id;
        if let Some(problem) = problem_of(&mut response) {
            log(&problem, &id, method, path);
            write(&mut response, &problem, &id);
        }
        finish(&mut response, &id);
        state.metrics().answered(method, response.status());
        let status = response.status().as_u16();
        let elapsed_ms = self.started.elapsed().as_millis();
        debug!(request = id, %method, path = escape(path), status, elapsed_ms, "request answered");
        response
    }
}

/// What machines ask all the time. A span for each would cost more than the answer, and tell nobody anything.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/health", "/metrics"];

/// The span of a request, named after its route: a path may hold anything. Source of the names:
/// <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.
fn span(request: &Request, id: &str) -> Span {
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map(MatchedPath::as_str);
    if route.is_some_and(|route| PROBES.iter().any(|probe| route.ends_with(probe))) {
        return Span::none();
    }
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    tracing::info_span!(
        "request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        request = id,
    )
}

/// The problem that an answer stands for, also where a layer gave a bare status. An answer with JSON of its own, as
/// health gives with 503, stands for itself.
fn problem_of(response: &mut Response) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_bare = kind.is_none_or(|kind| kind != "application/json");
    let given = response.extensions_mut().remove::<Problem>();
    given.or_else(|| (is_error && is_bare).then(|| Problem::of_status(status)))
}

/// Logs what the caller is not told.
fn log(problem: &Problem, id: &str, method: &Method, path: &str) {
    let status = problem.status().as_u16();
    let (cause, path) = (escape(problem.cause().unwrap_or("unknown")), escape(path));
    if status == 500 {
        error!(request = id, %method, path, status, error = cause, "request failed");
    } else if status > 500 {
        warn!(request = id, %method, path, status, error = cause, "request could not be served");
    }
}

fn write(response: &mut Response, problem: &Problem, id: &str) {
    let mut body = serde_json::Value::Object(problem.body(id)).to_string();
    body.push('\n');
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    *response.body_mut() = Body::from(body);
}

fn finish(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    for (name, value) in SAFETY {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}
