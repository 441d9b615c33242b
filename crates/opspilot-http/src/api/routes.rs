//! The one table of routes. The router is built from it, so a route without a row does not exist.
//!
//! Paths are relative to `basePath`. A parameter stands for one segment, whose percent-encoding is undone after the
//! route was chosen; encoded slashes and dots therefore never lead to another route.

use axum::routing::{MethodFilter, MethodRouter, on};
use opspilot_core::safety::identity::{Kind, Role as CallerRole};
use serde::Serialize;

use super::state::State;
use super::{
    audit, dead_letters, executions, health, incidents, keys, modules, on_call, proposals, runs,
    session, socket, stream, tokens,
};

/// The methods that routes have. `HEAD` works wherever `GET` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// Reads.
    Get,
    /// Changes.
    Post,
    /// Removes.
    Delete,
}

/// The least that a caller must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Anybody, always: the way in.
    Anyone,
    /// Like [`Role::Viewer`], unless `auth.publicPaths` names the route: then anybody, for example a load balancer.
    Public,
    /// Reads everything.
    Viewer,
    /// Also works on incidents.
    Operator,
    /// Also administers the server.
    Admin,
}

/// One row of the table.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The method.
    pub method: Verb,
    /// The path below `basePath`; `{name}` stands for one segment.
    pub path: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Who may.
    pub role: Role,
    /// The kinds of callers that may, if they have the role.
    pub kinds: &'static [Kind],
    /// True if the answer holds a secret: it is never kept to be given again.
    #[serde(skip)]
    pub is_secret: bool,
    /// False for what machines probe often: it does not count towards the rate limit.
    pub rate_limited: bool,
    #[serde(skip)]
    handler: fn(MethodFilter) -> MethodRouter<State>,
}

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
    ),
    probe("/livez", "Whether the process answers.", |verb| {
        on(verb, health::livez)
    }),
    probe(
        "/readyz",
        "Whether the server can work; 503 with the reasons.",
        |verb| on(verb, health::readyz),
    ),
    probe(
        "/metrics",
        "The metrics in the OpenMetrics text format.",
        |verb| on(verb, health::metrics),
    ),
    read("/incidents", "Incidents, newest first.", |verb| {
        on(verb, incidents::list)
    }),
    read("/incidents/{id}", "One incident.", |verb| {
        on(verb, incidents::get)
    }),
    read(
        "/incidents/{id}/timeline",
        "What happened to an incident, oldest first.",
        |verb| on(verb, incidents::timeline),
    ),
    work(
        "/incidents/{id}/acknowledge",
        "Takes an open incident.",
        |verb| on(verb, incidents::acknowledge),
    ),
    work(
        "/incidents/{id}/resolve",
        "Says that the trouble is over.",
        |verb| on(verb, incidents::resolve),
    ),
    work(
        "/incidents/{id}/close",
        "Says that nothing is left to do.",
        |verb| on(verb, incidents::close),
    ),
    work(
        "/incidents/{id}/reopen",
        "Says that the trouble is back.",
        |verb| on(verb, incidents::reopen),
    ),
    work(
        "/incidents/{id}/assign",
        "Names who works on an incident, or nobody.",
        |verb| on(verb, incidents::assign),
    ),
    work(
        "/incidents/{id}/comment",
        "Adds a remark to the timeline.",
        |verb| on(verb, incidents::comment),
    ),
    read(
        "/dead-letters",
        "Events that a consumer gave up, newest first.",
        |verb| on(verb, dead_letters::list),
    ),
    work(
        "/dead-letters/{id}/retry",
        "Lets the consumer try a dead letter again.",
        |verb| on(verb, dead_letters::retry),
    ),
    Route {
        method: Verb::Delete,
        ..work("/dead-letters/{id}", "Discards a dead letter.", |verb| {
            on(verb, dead_letters::discard)
        })
    },
    read("/actions", "The types of action that there are.", |verb| {
        on(verb, executions::types)
    }),
    read("/approvals", "Proposals, newest first.", |verb| {
        on(verb, proposals::list)
    }),
    read(
        "/approvals/pending",
        "Proposals that wait for a decision, newest first.",
        |verb| on(verb, proposals::pending),
    ),
    read("/approvals/{id}", "One proposal.", |verb| {
        on(verb, proposals::get)
    }),
    propose("/approvals", "Proposes an action.", |verb| {
        on(verb, proposals::propose)
    }),
    propose(
        "/approvals/preview",
        "Says what an action would be, without proposing it.",
        |verb| on(verb, proposals::preview),
    ),
    decide(
        "/approvals/{id}/approve",
        "Approves a proposal that somebody else made.",
        |verb| on(verb, proposals::approve),
    ),
    decide(
        "/approvals/{id}/deny",
        "Denies a proposal that somebody else made.",
        |verb| on(verb, proposals::deny),
    ),
    propose(
        "/approvals/{id}/cancel",
        "Takes a proposal of one's own back.",
        |verb| on(verb, proposals::cancel),
    ),
    read("/executions", "What was done, newest first.", |verb| {
        on(verb, executions::list)
    }),
    read("/executions/{id}", "One execution.", |verb| {
        on(verb, executions::get)
    }),
    read("/runbooks", "The runbooks that there are.", |verb| {
        on(verb, runs::runbooks)
    }),
    read("/runs", "Runs of runbooks, newest first.", |verb| {
        on(verb, runs::list)
    }),
    read("/runs/{id}", "One run.", |verb| on(verb, runs::get)),
    work("/runs", "Starts a runbook for an incident.", |verb| {
        on(verb, runs::start)
    }),
    work("/runs/{id}/pause", "Lets a run wait.", |verb| {
        on(verb, runs::pause)
    }),
    work("/runs/{id}/resume", "Lets a paused run go on.", |verb| {
        on(verb, runs::resume)
    }),
    work("/runs/{id}/abort", "Ends a run.", |verb| {
        on(verb, runs::abort)
    }),
    work(
        "/runs/{id}/steps/{step}/complete",
        "Says that the step at hand is done.",
        |verb| on(verb, runs::complete),
    ),
    work(
        "/runs/{id}/steps/{step}/skip",
        "Leaves the step at hand out.",
        |verb| on(verb, runs::skip),
    ),
    read(
        "/escalations",
        "Incidents that are escalated when nobody takes them, newest first.",
        |verb| on(verb, on_call::escalations),
    ),
    read("/on-call", "Who is on call, and until when.", |verb| {
        on(verb, on_call::list)
    }),
    work(
        "/on-call/overrides",
        "Enters somebody who stands in.",
        |verb| on(verb, on_call::add),
    ),
    Route {
        method: Verb::Delete,
        ..work(
            "/on-call/overrides/{id}",
            "Removes somebody who stands in.",
            |verb| on(verb, on_call::remove),
        )
    },
    Route {
        method: Verb::Get,
        ..work("/audit", "The audit log, newest first.", |verb| {
            on(verb, audit::list)
        })
    },
    Route {
        method: Verb::Get,
        ..administer(
            "/audit/export",
            "The whole audit log as JSON lines, for a verifier.",
            |verb| on(verb, audit::export),
        )
    },
    read("/audit/key", "The key that proves the audit log.", |verb| {
        on(verb, audit::key)
    }),
    read(
        "/stream",
        "What happens, as it happens, as Server-Sent Events.",
        |verb| on(verb, stream::stream),
    ),
    read(
        "/ws",
        "What happens, as it happens, over a WebSocket.",
        |verb| on(verb, socket::enter),
    ),
    read(
        "/modules",
        "The state and health of every module.",
        |verb| on(verb, modules::list),
    ),
    Route {
        role: Role::Admin,
        ..work("/reload", "Reads the configuration again.", |verb| {
            on(verb, modules::reload)
        })
    },
    Route {
        method: Verb::Get,
        ..way_in("/session", "Who the caller is.", |verb| {
            on(verb, session::show)
        })
    },
    Route {
        role: Role::Anyone,
        ..way_in(
            "/session",
            "Begins a session of a browser with an API key.",
            |verb| on(verb, session::begin),
        )
    },
    Route {
        method: Verb::Delete,
        ..way_in(
            "/session",
            "Ends the session that the request came with.",
            |verb| on(verb, session::end),
        )
    },
    Route {
        method: Verb::Get,
        ..administer("/keys", "API keys, newest first.", |verb| {
            on(verb, keys::list)
        })
    },
    administer(
        "/keys",
        "Makes an API key, which is shown this once.",
        |verb| on(verb, keys::create),
    ),
    Route {
        method: Verb::Delete,
        ..administer("/keys/{id}", "Revokes an API key.", |verb| {
            on(verb, keys::revoke)
        })
    },
    Route {
        method: Verb::Get,
        ..administer(
            "/tokens",
            "Tokens that were issued here, newest first.",
            |verb| on(verb, tokens::list),
        )
    },
    administer(
        "/tokens",
        "Issues a token, which is shown this once.",
        |verb| on(verb, tokens::issue),
    ),
    administer(
        "/tokens/revoke",
        "Revokes every token of a subject.",
        |verb| on(verb, tokens::revoke_subject),
    ),
    Route {
        method: Verb::Delete,
        ..administer("/tokens/{jti}", "Revokes a token.", |verb| {
            on(verb, tokens::revoke)
        })
    },
];

/// Everybody, programs that a model drives included.
const EVERYBODY: &[Kind] = &[Kind::Human, Kind::Service, Kind::Agent];

/// People and ordinary programs.
const NO_AGENTS: &[Kind] = &[Kind::Human, Kind::Service];

/// People alone.
const PEOPLE: &[Kind] = &[Kind::Human];

type Handler = fn(MethodFilter) -> MethodRouter<State>;

const fn probe(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        role: Role::Public,
        rate_limited: false,
        ..read(path, summary, handler)
    }
}

const fn read(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        method: Verb::Get,
        path,
        summary,
        role: Role::Viewer,
        kinds: EVERYBODY,
        is_secret: false,
        rate_limited: true,
        handler,
    }
}

const fn work(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        method: Verb::Post,
        role: Role::Operator,
        kinds: NO_AGENTS,
        ..read(path, summary, handler)
    }
}

/// Agents may propose: a person decides.
const fn propose(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        kinds: EVERYBODY,
        ..work(path, summary, handler)
    }
}

/// People alone decide.
const fn decide(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        kinds: PEOPLE,
        ..work(path, summary, handler)
    }
}

/// A session is nobody else's business, whatever the role.
const fn way_in(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        method: Verb::Post,
        is_secret: true,
        ..read(path, summary, handler)
    }
}

/// What decides who gets in is for people.
const fn administer(path: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        role: Role::Admin,
        kinds: PEOPLE,
        is_secret: true,
        ..work(path, summary, handler)
    }
}

impl Verb {
    /// The method's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Route {
    /// True if a caller with `role`, who is a `kind`, may use the row.
    #[must_use]
    pub fn admits(&self, role: CallerRole, kind: Kind) -> bool {
        let has_role = match self.role {
            Role::Anyone | Role::Public | Role::Viewer => true,
            Role::Operator => role >= CallerRole::Operator,
            Role::Admin => role >= CallerRole::Admin,
        };
        has_role && self.kinds.contains(&kind)
    }

    /// The handler, for the row's method alone.
    pub(super) fn mount(&self) -> MethodRouter<State> {
        (self.handler)(self.method.filter())
    }
}
