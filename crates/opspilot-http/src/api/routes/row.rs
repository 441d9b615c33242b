//! What a row of the table says, and short ways to write the usual ones.

use axum::routing::{MethodFilter, MethodRouter};
use opspilot_core::safety::identity::{Kind, Role as CallerRole};
use serde::Serialize;

use super::super::state::State;
use super::shape::Shape;

/// The methods that routes have. `HEAD` works wherever `GET` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// Reads.
    Get,
    /// Changes.
    Post,
    /// Puts something in its place.
    Put,
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
    /// True if it changes nothing, whatever its method.
    #[serde(skip)]
    pub(in crate::api) tells_only: bool,
    /// False for what machines probe often: it does not count towards the rate limit.
    pub rate_limited: bool,
    /// What it takes and answers.
    #[serde(skip)]
    pub(in crate::api) shape: Shape,
    #[serde(skip)]
    pub(super) handler: fn(MethodFilter) -> MethodRouter<State>,
}

/// Everybody, programs that a model drives included.
pub(super) const EVERYBODY: &[Kind] = &[Kind::Human, Kind::Service, Kind::Agent];

/// People and ordinary programs.
pub(super) const NO_AGENTS: &[Kind] = &[Kind::Human, Kind::Service];

/// People alone.
pub(super) const PEOPLE: &[Kind] = &[Kind::Human];

pub(super) type Handler = fn(MethodFilter) -> MethodRouter<State>;

pub(super) const fn probe(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        role: Role::Public,
        rate_limited: false,
        ..read(path, summary, handler, shape)
    }
}

pub(super) const fn read(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        method: Verb::Get,
        path,
        summary,
        role: Role::Viewer,
        kinds: EVERYBODY,
        is_secret: false,
        tells_only: false,
        rate_limited: true,
        shape,
        handler,
    }
}

pub(super) const fn work(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        method: Verb::Post,
        role: Role::Operator,
        kinds: NO_AGENTS,
        ..read(path, summary, handler, shape)
    }
}

/// Agents may propose: a person decides.
pub(super) const fn propose(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        kinds: EVERYBODY,
        ..work(path, summary, handler, shape)
    }
}

/// People alone decide.
pub(super) const fn decide(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        kinds: PEOPLE,
        ..work(path, summary, handler, shape)
    }
}

/// A session is nobody else's business, whatever the role.
pub(super) const fn way_in(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        method: Verb::Post,
        is_secret: true,
        ..read(path, summary, handler, shape)
    }
}

/// What belongs to whoever asks, whatever the role.
pub(super) const fn own(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        kinds: NO_AGENTS,
        ..read(path, summary, handler, shape)
    }
}

/// What decides who gets in is for people.
pub(super) const fn administer(
    path: &'static str,
    summary: &'static str,
    handler: Handler,
    shape: Shape,
) -> Route {
    Route {
        role: Role::Admin,
        kinds: PEOPLE,
        is_secret: true,
        ..work(path, summary, handler, shape)
    }
}

impl Verb {
    /// The method's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
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

    /// True if the row changes what decides who may do what, or what the server does by itself.
    pub(in crate::api) fn is_critical(&self) -> bool {
        self.role == Role::Admin && self.method != Verb::Get && !self.tells_only
    }

    /// True if the row is a change that a caller may ask for twice with one `Idempotency-Key`.
    pub(in crate::api) fn is_once(&self) -> bool {
        self.method != Verb::Get && !self.is_secret && self.role != Role::Anyone
    }

    /// The handler, for the row's method alone.
    pub(in crate::api) fn mount(&self) -> MethodRouter<State> {
        (self.handler)(self.method.filter())
    }
}
