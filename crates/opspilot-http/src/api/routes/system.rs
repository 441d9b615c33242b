//! The server itself: its audit log, streams, modules, views and rules.

use axum::routing::on;

use super::super::{
    audit, csp, modules, notifications, rules, saved, setup, socket, sources, stream, topology,
};
use super::row::{NO_AGENTS, Role, Route, Verb, administer, decide, own, propose, read, work};

pub(super) const ROWS: &[Route] = &[
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
        method: Verb::Get,
        ..work(
            "/rules/text",
            "The text of one rule in the configuration file.",
            |verb| on(verb, rules::changes::text),
            rules::changes::TEXT,
        )
    },
    Route {
        method: Verb::Get,
        ..work(
            "/rules/changes",
            "Changes of rules that people proposed, newest first.",
            |verb| on(verb, rules::changes::list),
            rules::changes::LIST,
        )
    },
    Route {
        role: Role::Admin,
        ..work(
            "/rules/changes",
            "Proposes a change of one rule, which another person must approve.",
            |verb| on(verb, rules::changes::propose),
            rules::changes::PROPOSE,
        )
    },
    Route {
        role: Role::Admin,
        tells_only: true,
        ..work(
            "/rules/changes/preview",
            "Says what a change of one rule would do to the configuration file; changes nothing.",
            |verb| on(verb, rules::changes::preview),
            rules::changes::PREVIEW,
        )
    },
    Route {
        method: Verb::Get,
        ..work(
            "/rules/changes/{id}",
            "One change of a rule.",
            |verb| on(verb, rules::changes::get),
            rules::changes::GET,
        )
    },
    Route {
        role: Role::Admin,
        ..decide(
            "/rules/changes/{id}/approve",
            "Approves a change that somebody else proposed, writes it into the configuration file and reloads that.",
            |verb| on(verb, rules::changes::approve),
            rules::changes::APPROVE,
        )
    },
    Route {
        role: Role::Admin,
        ..decide(
            "/rules/changes/{id}/refuse",
            "Refuses a change that somebody else proposed.",
            |verb| on(verb, rules::changes::refuse),
            rules::changes::REFUSE,
        )
    },
    Route {
        role: Role::Admin,
        ..work(
            "/rules/changes/{id}/withdraw",
            "Takes a change of one's own back.",
            |verb| on(verb, rules::changes::withdraw),
            rules::changes::WITHDRAW,
        )
    },
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
        ..administer(
            "/setup",
            "What this machine offers to read, and how far the server is set up.",
            |verb| on(verb, setup::show),
            setup::SHOW,
        )
    },
    administer(
        "/setup/try",
        "Tries sources and channels once, as `check --online` does; changes nothing and tells nobody.",
        |verb| on(verb, setup::try_out),
        setup::TRY,
    ),
    administer(
        "/setup/preview",
        "Says what the configuration file would be with these sources and channels, and what is wrong with it.",
        |verb| on(verb, setup::preview),
        setup::PREVIEW,
    ),
    administer(
        "/setup/save",
        "Saves the configuration file with these sources and channels, and reads it.",
        |verb| on(verb, setup::save),
        setup::SAVE,
    ),
];
