//! The kinds of error.

use axum::http::StatusCode;

/// The kinds of error: one table of status, stable name and title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) struct Code {
    pub(super) status: StatusCode,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
}

impl Code {
    pub(in crate::api) const INVALID_REQUEST: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "invalid-request",
        "The request is wrong",
    );
    pub(in crate::api) const UNAUTHENTICATED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
        "A valid credential is needed",
    );
    pub(in crate::api) const FORBIDDEN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "The credential does not allow this",
    );
    pub(in crate::api) const CSRF: Self = Self::new(
        StatusCode::FORBIDDEN,
        "csrf",
        "The session's `X-CSRF-Token` is missing or wrong",
    );
    pub(in crate::api) const SIGN_IN_AGAIN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "sign-in-again",
        "This needs a session that began a moment ago: sign in again, then ask again",
    );
    pub(in crate::api) const CROSS_SITE: Self = Self::new(
        StatusCode::FORBIDDEN,
        "cross-site",
        "Other web sites may not do this",
    );
    pub(in crate::api) const NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here");
    pub(in crate::api) const UPGRADE_REQUIRED: Self = Self::new(
        StatusCode::UPGRADE_REQUIRED,
        "upgrade-required",
        "This address speaks WebSocket",
    );
    pub(in crate::api) const FULL: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "full",
        "All places are taken",
    );
    pub(in crate::api) const NO_SUCH_INCIDENT: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-incident",
        "There is no such incident",
    );
    pub(in crate::api) const NO_SUCH_DEAD_LETTER: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-dead-letter",
        "There is no such dead letter",
    );
    pub(in crate::api) const NO_SUCH_PROPOSAL: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-proposal",
        "There is no such proposal",
    );
    pub(in crate::api) const NO_SUCH_EXECUTION: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-execution",
        "There is no such execution",
    );
    pub(in crate::api) const NO_SUCH_RUNBOOK: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-runbook",
        "There is no such runbook",
    );
    pub(in crate::api) const NO_SUCH_RUN: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-run",
        "There is no such run of a runbook",
    );
    pub(in crate::api) const NO_SUCH_OVERRIDE: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-override",
        "There is no such override",
    );
    pub(in crate::api) const NO_SUCH_MODULE: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-module",
        "There is no such module",
    );
    pub(in crate::api) const NOT_ALONE: Self = Self::new(
        StatusCode::CONFLICT,
        "not-alone",
        "It cannot be restarted alone",
    );
    pub(in crate::api) const MODULE_FAILED: Self = Self::new(
        StatusCode::CONFLICT,
        "module-failed",
        "A module does not start",
    );
    pub(in crate::api) const NO_SUCH_VIEW: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-view",
        "There is no such view",
    );
    pub(in crate::api) const NO_SUCH_RULE: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-rule",
        "There is no such rule",
    );
    pub(in crate::api) const RULE_INVALID: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "rule-invalid",
        "The rule cannot be used",
    );
    pub(in crate::api) const NO_SUCH_CHANGE: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-change",
        "There is no such change of the rules",
    );
    pub(in crate::api) const OUTDATED: Self = Self::new(
        StatusCode::CONFLICT,
        "outdated",
        "The configuration file was changed after the change was proposed",
    );
    pub(in crate::api) const NOT_NOW: Self = Self::new(
        StatusCode::CONFLICT,
        "not-now",
        "It cannot be done as things stand",
    );
    pub(in crate::api) const DECIDED: Self = Self::new(
        StatusCode::CONFLICT,
        "decided",
        "The proposal does not wait for this decision",
    );
    pub(in crate::api) const NOT_AS_SEEN: Self = Self::new(
        StatusCode::CONFLICT,
        "not-as-seen",
        "What would be done is not what was seen",
    );
    pub(in crate::api) const EXPIRED: Self =
        Self::new(StatusCode::GONE, "expired", "The proposal has expired");
    pub(in crate::api) const TARGET_UNAVAILABLE: Self = Self::new(
        StatusCode::CONFLICT,
        "target-unavailable",
        "The target does not answer or refuses",
    );
    pub(in crate::api) const NO_SUCH_KEY: Self =
        Self::new(StatusCode::NOT_FOUND, "no-such-key", "There is no such key");
    pub(in crate::api) const NO_SUCH_TOKEN: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-token",
        "There is no such token",
    );
    pub(in crate::api) const NO_SUCH_USER: Self = Self::new(
        StatusCode::NOT_FOUND,
        "no-such-user",
        "There is no such user",
    );
    pub(in crate::api) const USER_EXISTS: Self = Self::new(
        StatusCode::CONFLICT,
        "user-exists",
        "There is a user of this name already",
    );
    pub(in crate::api) const BUSY: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "Too many do this now",
    );
    pub(in crate::api) const METHOD_NOT_ALLOWED: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "The path has no such method",
    );
    pub(in crate::api) const SLOW_BODY: Self = Self::new(
        StatusCode::REQUEST_TIMEOUT,
        "slow-body",
        "The body did not arrive in time",
    );
    pub(in crate::api) const AUTH_OFF: Self = Self::new(
        StatusCode::CONFLICT,
        "auth-off",
        "Authentication is off, and nobody needs to log in",
    );
    pub(in crate::api) const NO_OIDC: Self = Self::new(
        StatusCode::CONFLICT,
        "no-oidc",
        "Nobody signs in at an identity provider here",
    );
    pub(in crate::api) const NO_SIGNING_KEY: Self = Self::new(
        StatusCode::CONFLICT,
        "no-signing-key",
        "There is no secret to sign tokens with",
    );
    pub(in crate::api) const ILLEGAL_TRANSITION: Self = Self::new(
        StatusCode::CONFLICT,
        "illegal-transition",
        "The incident's status does not allow this",
    );
    pub(in crate::api) const KEY_IN_USE: Self = Self::new(
        StatusCode::CONFLICT,
        "idempotency-key-in-use",
        "A request with this key is still running",
    );
    pub(in crate::api) const CHANGED: Self = Self::new(
        StatusCode::PRECONDITION_FAILED,
        "changed",
        "The incident was changed meanwhile",
    );
    pub(in crate::api) const BODY_TOO_LARGE: Self = Self::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        "The body is too large",
    );
    pub(in crate::api) const UNSUPPORTED_MEDIA_TYPE: Self = Self::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        "The body is not JSON",
    );
    pub(in crate::api) const WRONG_HOST: Self = Self::new(
        StatusCode::MISDIRECTED_REQUEST,
        "wrong-host",
        "This server does not have that name",
    );
    pub(in crate::api) const KEY_REUSED: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "The key belongs to another request",
    );
    pub(in crate::api) const CONFIGURATION_INVALID: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "configuration-invalid",
        "The configuration was not reloaded",
    );
    pub(in crate::api) const BY_HAND: Self = Self::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "by-hand",
        "It is set up in the configuration file alone",
    );
    pub(in crate::api) const CONFIGURATION_CHANGED: Self = Self::new(
        StatusCode::CONFLICT,
        "configuration-changed",
        "The configuration file was changed meanwhile",
    );
    pub(in crate::api) const RATE_LIMITED: Self = Self::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate-limited",
        "Too many requests",
    );
    pub(in crate::api) const INTERNAL: Self = Self::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Something went wrong here",
    );
    pub(in crate::api) const STORAGE_UNAVAILABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "storage-unavailable",
        "The storage does not work now",
    );
    pub(in crate::api) const TIMED_OUT: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "timed-out",
        "The answer took too long",
    );
    pub(in crate::api) const STOPPING: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "stopping",
        "The server is stopping",
    );

    /// The status.
    pub(in crate::api) const fn status(self) -> StatusCode {
        self.status
    }

    /// The stable name.
    pub(in crate::api) const fn name(self) -> &'static str {
        self.name
    }

    /// The kind of error in words.
    pub(in crate::api) const fn title(self) -> &'static str {
        self.title
    }

    pub(super) const fn new(status: StatusCode, name: &'static str, title: &'static str) -> Self {
        Self {
            status,
            name,
            title,
        }
    }
}
