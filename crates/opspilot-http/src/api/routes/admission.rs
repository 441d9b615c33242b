//! Who gets in: sessions, API keys and tokens.

use axum::routing::on;

use super::super::{keys, session, tokens};
use super::row::{Role, Route, Verb, administer, way_in};

pub(super) const ROWS: &[Route] = &[
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
