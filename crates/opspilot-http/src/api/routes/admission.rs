//! Who gets in: sessions, API keys, users and tokens.

use axum::routing::on;

use super::super::{keys, session, tokens, users};
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
            "Begins a session of a browser with an API key, or with a name and a password.",
            |verb| on(verb, session::begin),
            session::BEGIN,
        )
    },
    Route {
        method: Verb::Get,
        role: Role::Anyone,
        ..way_in(
            "/session/methods",
            "How people sign in here.",
            |verb| on(verb, session::methods),
            session::METHODS,
        )
    },
    Route {
        method: Verb::Get,
        role: Role::Anyone,
        ..way_in(
            "/session/oidc",
            "Sends a browser to the identity provider.",
            |verb| on(verb, session::oidc::begin),
            session::oidc::BEGIN,
        )
    },
    Route {
        method: Verb::Get,
        role: Role::Anyone,
        ..way_in(
            "/session/oidc/callback",
            "Where the identity provider sends a browser back to.",
            |verb| on(verb, session::oidc::end),
            session::oidc::RETURN,
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
            "/users",
            "Those who sign in by password, newest first.",
            |verb| on(verb, users::list),
            users::LIST,
        )
    },
    administer(
        "/users",
        "Adds somebody who signs in by password.",
        |verb| on(verb, users::create),
        users::CREATE,
    ),
    Route {
        method: Verb::Put,
        ..administer(
            "/users/{name}/password",
            "Sets a user's password, which ends their sessions.",
            |verb| on(verb, users::set_password),
            users::SET_PASSWORD,
        )
    },
    Route {
        method: Verb::Put,
        ..administer(
            "/users/{name}/role",
            "Gives a user another role.",
            |verb| on(verb, users::set_role),
            users::SET_ROLE,
        )
    },
    Route {
        method: Verb::Delete,
        ..administer(
            "/users/{name}",
            "Removes a user, which ends their sessions.",
            |verb| on(verb, users::remove),
            users::REMOVE,
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
