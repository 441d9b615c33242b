//! Probes, incidents, and what is done about them.

use axum::routing::on;

use super::super::{
    dead_letters, executions, exposition, health, incidents, on_call, openapi, proposals, runs,
};
use super::row::{Role, Route, Verb, decide, probe, propose, read, work};

pub(super) const ROWS: &[Route] = &[
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
    Route {
        role: Role::Anyone,
        ..read(
            "/docs",
            "A page that shows this API to whoever may read the document.",
            |verb| on(verb, openapi::docs),
            openapi::DOCS,
        )
    },
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
];
