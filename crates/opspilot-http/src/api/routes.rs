//! The one table of routes. The router is built from it, so a route without a row does not exist.
//!
//! Paths are relative to `basePath`. A parameter stands for one segment, whose percent-encoding is undone after the
//! route was chosen; encoded slashes and dots therefore never lead to another route.

mod row;
mod shape;

use axum::routing::on;

use self::row::{NO_AGENTS, administer, decide, own, probe, propose, read, way_in, work};
use super::{
    audit, csp, dead_letters, executions, exposition, health, incidents, keys, modules,
    notifications, on_call, openapi, proposals, rules, runs, saved, session, socket, sources,
    stream, tokens, topology,
};

pub use self::row::{Role, Route, Verb};
pub(super) use self::shape::{Body, Content, Form, Input, Reply, Shape};

/// All routes, in the order of the reference page.
#[must_use]
pub const fn routes() -> &'static [Route] {
    ROUTES
}

const ROUTES: &[Route] = &[
    probe(
        "/health",
        "How every module is; 503 when one does not work.",
        |verb| on(verb, health::health),
        health::HEALTH,
    ),
    probe(
        "/livez",
        "Whether the process answers.",
        |verb| on(verb, health::livez),
        health::LIVEZ,
    ),
    probe(
        "/readyz",
        "Whether the server can work; 503 with the reasons.",
        |verb| on(verb, health::readyz),
        health::READYZ,
    ),
    probe(
        "/metrics",
        "The metrics in the text format of Prometheus, or of OpenMetrics where `Accept` asks for it.",
        |verb| on(verb, exposition::metrics),
        exposition::METRICS,
    ),
    read(
        "/openapi.json",
        "This API as an OpenAPI 3.1 document.",
        |verb| on(verb, openapi::get),
        openapi::GET,
    ),
    read(
        "/incidents",
        "Incidents, newest first.",
        |verb| on(verb, incidents::list),
        incidents::LIST,
    ),
    work(
        "/incidents/bulk",
        "Makes one change to several incidents, with an outcome for each.",
        |verb| on(verb, incidents::bulk),
        incidents::BULK,
    ),
    read(
        "/incidents/{id}",
        "One incident.",
        |verb| on(verb, incidents::get),
        incidents::GET,
    ),
    read(
        "/incidents/{id}/timeline",
        "What happened to an incident, oldest first.",
        |verb| on(verb, incidents::timeline),
        incidents::TIMELINE,
    ),
    read(
        "/incidents/{id}/post-mortem",
        "What happened, who did what, and what came of it, as Markdown or as a page to print.",
        |verb| on(verb, incidents::post_mortem),
        incidents::POST_MORTEM,
    ),
    work(
        "/incidents/{id}/acknowledge",
        "Takes an open incident.",
        |verb| on(verb, incidents::acknowledge),
        incidents::ACKNOWLEDGE,
    ),
    work(
        "/incidents/{id}/resolve",
        "Says that the trouble is over.",
        |verb| on(verb, incidents::resolve),
        incidents::RESOLVE,
    ),
    work(
        "/incidents/{id}/close",
        "Says that nothing is left to do.",
        |verb| on(verb, incidents::close),
        incidents::CLOSE,
    ),
    work(
        "/incidents/{id}/reopen",
        "Says that the trouble is back.",
        |verb| on(verb, incidents::reopen),
        incidents::REOPEN,
    ),
    work(
        "/incidents/{id}/assign",
        "Names who works on an incident, or nobody.",
        |verb| on(verb, incidents::assign),
        incidents::ASSIGN,
    ),
    work(
        "/incidents/{id}/comment",
        "Adds a remark to the timeline.",
        |verb| on(verb, incidents::comment),
        incidents::COMMENT,
    ),
    read(
        "/dead-letters",
        "Events that a consumer gave up, newest first.",
        |verb| on(verb, dead_letters::list),
        dead_letters::LIST,
    ),
    work(
        "/dead-letters/{id}/retry",
        "Lets the consumer try a dead letter again.",
        |verb| on(verb, dead_letters::retry),
        dead_letters::RETRY,
    ),
    Route {
        method: Verb::Delete,
        ..work(
            "/dead-letters/{id}",
            "Discards a dead letter.",
            |verb| on(verb, dead_letters::discard),
            dead_letters::DISCARD,
        )
    },
    read(
        "/actions",
        "The types of action that there are.",
        |verb| on(verb, executions::types),
        executions::TYPES,
    ),
    read(
        "/approvals",
        "Proposals, newest first.",
        |verb| on(verb, proposals::list),
        proposals::LIST,
    ),
    read(
        "/approvals/pending",
        "Proposals that wait for a decision, newest first.",
        |verb| on(verb, proposals::pending),
        proposals::PENDING,
    ),
    read(
        "/approvals/{id}",
        "One proposal.",
        |verb| on(verb, proposals::get),
        proposals::GET,
    ),
    propose(
        "/approvals",
        "Proposes an action.",
        |verb| on(verb, proposals::propose),
        proposals::PROPOSE,
    ),
    propose(
        "/approvals/preview",
        "Says what an action would be, without proposing it.",
        |verb| on(verb, proposals::preview),
        proposals::PREVIEW,
    ),
    decide(
        "/approvals/{id}/approve",
        "Approves a proposal that somebody else made.",
        |verb| on(verb, proposals::approve),
        proposals::APPROVE,
    ),
    decide(
        "/approvals/{id}/deny",
        "Denies a proposal that somebody else made.",
        |verb| on(verb, proposals::deny),
        proposals::DENY,
    ),
    propose(
        "/approvals/{id}/cancel",
        "Takes a proposal of one's own back.",
        |verb| on(verb, proposals::cancel),
        proposals::CANCEL,
    ),
    read(
        "/executions",
        "What was done, newest first.",
        |verb| on(verb, executions::list),
        executions::LIST,
    ),
    read(
        "/executions/{id}",
        "One execution.",
        |verb| on(verb, executions::get),
        executions::GET,
    ),
    read(
        "/runbooks",
        "The runbooks that there are.",
        |verb| on(verb, runs::runbooks),
        runs::RUNBOOKS,
    ),
    read(
        "/runs",
        "Runs of runbooks, newest first.",
        |verb| on(verb, runs::list),
        runs::LIST,
    ),
    read(
        "/runs/{id}",
        "One run.",
        |verb| on(verb, runs::get),
        runs::GET,
    ),
    work(
        "/runs",
        "Starts a runbook for an incident.",
        |verb| on(verb, runs::start),
        runs::START,
    ),
    work(
        "/runs/{id}/pause",
        "Lets a run wait.",
        |verb| on(verb, runs::pause),
        runs::PAUSE,
    ),
    work(
        "/runs/{id}/resume",
        "Lets a paused run go on.",
        |verb| on(verb, runs::resume),
        runs::RESUME,
    ),
    work(
        "/runs/{id}/abort",
        "Ends a run.",
        |verb| on(verb, runs::abort),
        runs::ABORT,
    ),
    work(
        "/runs/{id}/steps/{step}/complete",
        "Says that the step at hand is done.",
        |verb| on(verb, runs::complete),
        runs::COMPLETE,
    ),
    work(
        "/runs/{id}/steps/{step}/skip",
        "Leaves the step at hand out.",
        |verb| on(verb, runs::skip),
        runs::SKIP,
    ),
    read(
        "/escalations",
        "Incidents that are escalated when nobody takes them, newest first.",
        |verb| on(verb, on_call::escalations),
        on_call::ESCALATIONS,
    ),
    read(
        "/on-call",
        "Who is on call, and until when.",
        |verb| on(verb, on_call::list),
        on_call::LIST,
    ),
    work(
        "/on-call/overrides",
        "Enters somebody who stands in.",
        |verb| on(verb, on_call::add),
        on_call::ADD,
    ),
    Route {
        method: Verb::Delete,
        ..work(
            "/on-call/overrides/{id}",
            "Removes somebody who stands in.",
            |verb| on(verb, on_call::remove),
            on_call::REMOVE,
        )
    },
    Route {
        method: Verb::Get,
        ..work(
            "/audit",
            "The audit log, newest first.",
            |verb| on(verb, audit::list),
            audit::LIST,
        )
    },
    Route {
        method: Verb::Get,
        ..administer(
            "/audit/export",
            "The whole audit log as JSON lines, for a verifier.",
            |verb| on(verb, audit::export),
            audit::EXPORT,
        )
    },
    read(
        "/audit/key",
        "The key that proves the audit log.",
        |verb| on(verb, audit::key),
        audit::KEY,
    ),
    read(
        "/stream",
        "What happens, as it happens, as Server-Sent Events.",
        |verb| on(verb, stream::stream),
        stream::STREAM,
    ),
    read(
        "/ws",
        "What happens, as it happens, over a WebSocket.",
        |verb| on(verb, socket::enter),
        socket::ENTER,
    ),
    read(
        "/modules",
        "The state and health of every module.",
        |verb| on(verb, modules::list),
        modules::LIST,
    ),
    Route {
        kinds: NO_AGENTS,
        ..read(
            "/modules/{id}",
            "One module: its state, configuration without secrets, and metrics.",
            |verb| on(verb, modules::get),
            modules::GET,
        )
    },
    work(
        "/modules/{id}/restart",
        "Ends a module and starts it again; answers when it runs.",
        |verb| on(verb, modules::restart),
        modules::RESTART,
    ),
    read(
        "/sources",
        "Every connector with its streams, how far it is behind and what it lost.",
        |verb| on(verb, sources::list),
        sources::LIST,
    ),
    read(
        "/notifications",
        "What was sent to which channel, and what became of it, newest first.",
        |verb| on(verb, notifications::list),
        notifications::LIST,
    ),
    read(
        "/topology",
        "Which module hears which.",
        |verb| on(verb, topology::topology),
        topology::TOPOLOGY,
    ),
    own(
        "/views",
        "The views that the caller saved.",
        |verb| on(verb, saved::list),
        saved::LIST,
    ),
    own(
        "/views/{name}",
        "One view that the caller saved.",
        |verb| on(verb, saved::get),
        saved::GET,
    ),
    Route {
        method: Verb::Put,
        ..own(
            "/views/{name}",
            "Saves a view.",
            |verb| on(verb, saved::put),
            saved::PUT,
        )
    },
    Route {
        method: Verb::Delete,
        ..own(
            "/views/{name}",
            "Removes a saved view.",
            |verb| on(verb, saved::remove),
            saved::REMOVE,
        )
    },
    Route {
        method: Verb::Post,
        role: Role::Anyone,
        ..read(
            "/csp-report",
            "Takes a browser's report of what the dashboard's policy stopped.",
            |verb| on(verb, csp::report),
            csp::REPORT,
        )
    },
    read(
        "/rules",
        "The rules of every detector.",
        |verb| on(verb, rules::list),
        rules::LIST,
    ),
    propose(
        "/rules/test",
        "Says what a rule makes of given lines; changes nothing.",
        |verb| on(verb, rules::test),
        rules::TEST,
    ),
    propose(
        "/rules/dry-run",
        "Says what a rule makes of the lines of stored incidents; changes nothing.",
        |verb| on(verb, rules::dry_run),
        rules::DRY_RUN,
    ),
    Route {
        role: Role::Admin,
        ..work(
            "/reload",
            "Reads the configuration again.",
            |verb| on(verb, modules::reload),
            modules::RELOAD,
        )
    },
    Route {
        method: Verb::Get,
        ..way_in(
            "/session",
            "Who the caller is.",
            |verb| on(verb, session::show),
            session::SHOW,
        )
    },
    Route {
        role: Role::Anyone,
        ..way_in(
            "/session",
            "Begins a session of a browser with an API key.",
            |verb| on(verb, session::begin),
            session::BEGIN,
        )
    },
    Route {
        method: Verb::Delete,
        ..way_in(
            "/session",
            "Ends the session that the request came with.",
            |verb| on(verb, session::end),
            session::END,
        )
    },
    Route {
        method: Verb::Get,
        ..administer(
            "/keys",
            "API keys, newest first.",
            |verb| on(verb, keys::list),
            keys::LIST,
        )
    },
    administer(
        "/keys",
        "Makes an API key, which is shown this once.",
        |verb| on(verb, keys::create),
        keys::CREATE,
    ),
    Route {
        method: Verb::Delete,
        ..administer(
            "/keys/{id}",
            "Revokes an API key.",
            |verb| on(verb, keys::revoke),
            keys::REVOKE,
        )
    },
    Route {
        method: Verb::Get,
        ..administer(
            "/tokens",
            "Tokens that were issued here, newest first.",
            |verb| on(verb, tokens::list),
            tokens::LIST,
        )
    },
    administer(
        "/tokens",
        "Issues a token, which is shown this once.",
        |verb| on(verb, tokens::issue),
        tokens::ISSUE,
    ),
    administer(
        "/tokens/revoke",
        "Revokes every token of a subject.",
        |verb| on(verb, tokens::revoke_subject),
        tokens::REVOKE_SUBJECT,
    ),
    Route {
        method: Verb::Delete,
        ..administer(
            "/tokens/{jti}",
            "Revokes a token.",
            |verb| on(verb, tokens::revoke),
            tokens::REVOKE,
        )
    },
];
