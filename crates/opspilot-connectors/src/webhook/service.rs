//! Requests and answers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::module::Context;
use opspilot_core::safety::audit::Record;
use opspilot_net::{
    Answer, HeaderMap, Incoming, Method, Peer, Problem, Request, answer, header, read_body,
};
use serde_json::Value;
use tokio::time::Instant;
use tracing::{info, warn};

use super::auth::Refusal;
use super::config::Format;
use super::github;
use super::meters::Meters;
use super::publish::Outlet;
use crate::intake::{Desk, Unavailable};
use crate::listen::front::{self, Front};

/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(15);

/// After how many seconds to send again.
const RETRY: u32 = 10;

/// At most one refusal in this time is written to the audit log, with the number of those before it.
const AUDIT_EVERY: Duration = Duration::from_secs(10);

/// Answers deliveries; cloning it clones a handle.
#[derive(Debug, Clone)]
pub(super) struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cx: Context,
    outlets: Vec<Arc<Outlet>>,
    front: Front,
    desk: Desk,
    meters: Meters,
    body_limit: usize,
    audited: std::sync::Mutex<(Option<Instant>, u64)>,
}

impl Service {
    pub(super) fn new(
        cx: &Context,
        outlets: Vec<Arc<Outlet>>,
        (front, desk): (Front, Desk),
        (meters, body_limit): (Meters, usize),
    ) -> Self {
        Self(Arc::new(Inner {
            cx: cx.clone(),
            outlets,
            front,
            desk,
            meters,
            body_limit,
            audited: std::sync::Mutex::default(),
        }))
    }

    /// Answers one request.
    pub(super) async fn call(self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let inner = &*self.0;
        if !inner.front.admit(request.extensions().get()) {
            let detail = "this machine sends too many requests; send this one again later";
            let problem = Problem::new(429, "too-many-requests", detail);
            return Ok(problem.retry_after(front::RETRY).into_answer());
        }
        let outlet = inner
            .outlets
            .iter()
            .find(|outlet| outlet.route.path == request.uri().path());
        let Some(outlet) = outlet else {
            let problem = Problem::new(404, "not-found", "nothing is delivered at this path");
            return Ok(problem.into_answer());
        };
        let answered = inner.deliver(outlet, request).await;
        Ok(answered.unwrap_or_else(Problem::into_answer))
    }
}

impl Inner {
    async fn deliver(
        &self,
        outlet: &Arc<Outlet>,
        request: Request<Incoming>,
    ) -> Result<Answer, Problem> {
        let route = &outlet.route;
        let peer = request.extensions().get::<Peer>().map(|Peer(peer)| *peer);
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            let detail = "deliveries are sent with POST";
            return Err(Problem::new(405, "method-not-allowed", detail));
        }
        if head.headers.contains_key(header::ORIGIN) {
            self.meters.refused("origin");
            let detail = "web pages may not deliver here";
            return Err(Problem::new(403, "foreign-origin", detail));
        }
        let refuse = |refusal| self.refuse(outlet, peer, refusal);
        route.guard.check_head(&head.headers).map_err(refuse)?;
        check_content(&head.headers)?;
        let room = self.desk.room(self.expected(&head.headers)?);
        let room = room.map_err(|error| self.unavailable(&route.id, error))?;
        let body = read_body(body, self.body_limit, BODY).await?;
        let now = self.cx.clock.now();
        let checked = route.guard.check_body(&head.headers, &body, now);
        checked.map_err(refuse)?;
        let event = head
            .headers
            .get(github::EVENT)
            .and_then(|event| event.to_str().ok());
        let reading = serde_json::from_slice::<Value>(&body).map_err(|error| {
            self.meters.outcome(&route.id, "unreadable");
            let detail = format!("the body is not JSON: {error}");
            Problem::new(400, "bad-json", detail)
                .with("line", error.line())
                .with("column", error.column())
        })?;
        let reading = route.read(event, &reading).map_err(|fault| {
            self.meters.outcome(&route.id, "unreadable");
            Problem::new(422, "bad-body", fault.to_string()).with("pointer", fault.place)
        })?;
        let once = route.once(&head.headers);
        let work = {
            let outlet = Arc::clone(outlet);
            async move { outlet.take(reading, once).await }
        };
        drop((room, body));
        let taken = self.desk.carry(work).await;
        let taken = taken.map_err(|error| self.unavailable(&route.id, error))?;
        let outcome = if taken.is_duplicate {
            "duplicate"
        } else {
            "stored"
        };
        self.meters.outcome(&route.id, outcome);
        Ok(answer(204))
    }

    /// How large the body may become: what is declared, or the limit.
    fn expected(&self, headers: &HeaderMap) -> Result<usize, Problem> {
        let limit = self.body_limit;
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        match declared {
            Some(length) if length > limit => {
                let detail = format!("the body is larger than {limit} bytes");
                Err(Problem::new(413, "body-too-large", detail))
            }
            declared => Ok(declared.unwrap_or(limit)),
        }
    }

    fn unavailable(&self, route: &str, error: Unavailable) -> Problem {
        self.meters.outcome(route, "unavailable");
        warn!(route, reason = error.as_str(), "a delivery was not taken");
        Problem::new(503, "unavailable", error.detail()).retry_after(RETRY)
    }

    fn refuse(&self, outlet: &Outlet, peer: Option<SocketAddr>, refusal: Refusal) -> Problem {
        let (route, reason) = (&outlet.route, refusal.as_str());
        self.meters.refused(reason);
        self.meters.outcome(&route.id, "refused");
        self.audit(&route.path, peer, reason);
        let mut problem = Problem::new(401, "unauthenticated", "the credential is not accepted");
        problem.challenge = Some(match route.format {
            Format::Github => "Signature",
            Format::Alertmanager | Format::Grafana | Format::Generic => "Bearer realm=\"opspilot\"",
        });
        problem
    }

    /// Writes a refusal to the audit log, in such numbers that a flood of them cannot fill the disk.
    fn audit(&self, path: &str, peer: Option<SocketAddr>, reason: &'static str) {
        let left_out = {
            let mut audited = self
                .audited
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let (last, left_out) = &mut *audited;
            if last.is_some_and(|last| last.elapsed() < AUDIT_EVERY) {
                *left_out += 1;
                return;
            }
            *last = Some(Instant::now());
            std::mem::take(left_out)
        };
        let address = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.ip().to_string());
        info!(path, address, reason, left_out, "a delivery was refused");
        let record = Record::new("webhook.refused", self.cx.id)
            .target(path)
            .detail("reason", reason)
            .detail("address", address)
            .detail("leftOut", left_out);
        let audit = self.cx.audit.clone();
        self.cx.tasks.spawn("refusal", async move {
            if let Err(error) = audit.append(record).await {
                warn!(error = %error, "a refusal could not be written to the audit log");
            }
        });
    }
}

/// JSON as it is: no form, no compression.
fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| {
        let value: Option<&opspilot_net::HeaderValue> = headers.get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let unsupported = |detail: &str| Problem::new(415, "unsupported-body", detail);
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(unsupported("send the body without compression"));
    }
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_json = kind.eq_ignore_ascii_case("application/json")
        || kind.to_ascii_lowercase().ends_with("+json");
    if is_json {
        return Ok(());
    }
    Err(unsupported(
        "send JSON with `Content-Type: application/json`; with GitHub, choose that as the content type of the webhook",
    ))
}
