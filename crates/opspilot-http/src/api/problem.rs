//! Errors as callers see them: `application/problem+json` (RFC 9457).
//!
//! A handler returns a [`Problem`]; [`super::observe`] gives it the request id and turns it into bytes. What went wrong
//! inside stays in [`Problem::cause`], which is logged once and never sent.

mod code;

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use opspilot_core::bus::PublishError;
use opspilot_core::error::chain;
use opspilot_core::incident::IncidentError;
use opspilot_core::safety::credentials::CredentialError;
use opspilot_core::storage::StorageError;
use serde_json::{Map, Value, json};

use crate::auth::IssuerError;

pub(super) use code::Code;

/// After how many seconds to try again when the storage does not work.
const STORAGE_RETRY: u32 = 5;

/// After how many seconds to try again when too many passwords are checked.
const BUSY_RETRY: u32 = 2;

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    code: Code,
    detail: Option<Cow<'static, str>>,
    members: Vec<(&'static str, Value)>,
    retry_after: Option<u32>,
    cause: Option<String>,
}

impl Problem {
    /// A problem that its title explains.
    pub(super) fn of(code: Code) -> Self {
        Self {
            code,
            detail: None,
            members: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// The problem behind a bare status.
    pub(super) fn of_status(status: StatusCode) -> Self {
        Self::of(match status {
            StatusCode::NOT_FOUND => Code::NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED => Code::METHOD_NOT_ALLOWED,
            StatusCode::PAYLOAD_TOO_LARGE => Code::BODY_TOO_LARGE,
            StatusCode::INTERNAL_SERVER_ERROR => Code::INTERNAL,
            other => Code::new(other, "http", other.canonical_reason().unwrap_or("Error")),
        })
    }

    /// A fault in this server. `cause` is for the log alone.
    pub(super) fn internal(cause: impl Into<String>) -> Self {
        Self::of(Code::INTERNAL).because(cause)
    }

    /// The storage does not work now. `cause` is for the log alone.
    pub(super) fn storage(cause: impl Into<String>) -> Self {
        Self::of(Code::STORAGE_UNAVAILABLE)
            .retry_after(STORAGE_RETRY)
            .because(cause)
    }

    /// The same problem, explained to the caller.
    pub(super) fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// The same problem with another member.
    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.members.push((name, value));
        self
    }

    /// The same problem; trying again makes sense after so many seconds.
    pub(super) fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// The same problem, explained to the log.
    pub(super) fn because(self, cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }

    /// What the log should know.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The status.
    pub(super) fn status(&self) -> StatusCode {
        self.code.status
    }

    /// The stable name.
    pub(super) fn code(&self) -> &'static str {
        self.code.name
    }

    /// What the caller is told beyond the name.
    pub(super) fn explanation(&self) -> Option<String> {
        self.detail.as_deref().map(str::to_owned)
    }

    /// The body for the request `instance`.
    pub(super) fn body(&self, instance: &str) -> Map<String, Value> {
        let Code {
            status,
            name,
            title,
        } = self.code;
        let mut body = Map::from_iter([
            (
                "type".to_owned(),
                json!(format!("urn:opspilot:problem:{name}")),
            ),
            ("title".to_owned(), json!(title)),
            ("status".to_owned(), json!(status.as_u16())),
            ("code".to_owned(), json!(name)),
            ("instance".to_owned(), json!(format!("urn:uuid:{instance}"))),
        ]);
        if let Some(detail) = &self.detail {
            body.insert("detail".to_owned(), json!(detail));
        }
        body.extend(
            self.members
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::UNAUTHENTICATED {
            let challenge = HeaderValue::from_static("Bearer realm=\"opspilot\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        Self::of_storage(&error)
    }
}

impl Problem {
    fn of_storage(error: &StorageError) -> Self {
        let cause = chain(error);
        match error {
            StorageError::Unavailable { .. } | StorageError::Conflict { .. } => {
                Self::storage(cause)
            }
            StorageError::Closed => Self::of(Code::STOPPING)
                .retry_after(STORAGE_RETRY)
                .because(cause),
            _ => Self::internal(cause),
        }
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match &error {
            PublishError::Storage(storage) => Self::of_storage(storage),
            PublishError::Closed => Self::of(Code::STOPPING).retry_after(STORAGE_RETRY),
            _ => Self::internal(chain(&error)),
        }
    }
}

impl From<IncidentError> for Problem {
    fn from(error: IncidentError) -> Self {
        match error {
            IncidentError::NotFound(_) => Self::of(Code::NO_SUCH_INCIDENT),
            IncidentError::Illegal(illegal) => Self::of(Code::ILLEGAL_TRANSITION)
                .detail(illegal.to_string())
                .with("incidentStatus", json!(illegal.from)),
            IncidentError::Changed(_) => Self::of(Code::CHANGED)
                .detail("the entity tag in `If-Match` is not the incident's; read it again"),
            IncidentError::Storage(storage) => storage.into(),
            IncidentError::Publish(publish) => publish.into(),
            other => Self::internal(chain(&other)),
        }
    }
}

impl From<CredentialError> for Problem {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::NotFound { kind: "key", .. } => Self::of(Code::NO_SUCH_KEY),
            CredentialError::NotFound { kind: "user", .. } => Self::of(Code::NO_SUCH_USER),
            CredentialError::NotFound { .. } => Self::of(Code::NO_SUCH_TOKEN),
            CredentialError::TooLong { .. }
            | CredentialError::Reserved(_)
            | CredentialError::NoName(_) => {
                Self::of(Code::INVALID_REQUEST).detail(error.to_string())
            }
            CredentialError::Exists { .. } => Self::of(Code::USER_EXISTS),
            CredentialError::Busy => Self::of(Code::BUSY).retry_after(BUSY_RETRY),
            CredentialError::Storage(storage) => storage.into(),
            CredentialError::Publish(publish) => publish.into(),
            other => Self::internal(chain(&other)),
        }
    }
}

impl From<IssuerError> for Problem {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::NoSecret => Self::of(Code::NO_SIGNING_KEY).detail(error.to_string()),
            IssuerError::TooLong(_) => Self::of(Code::INVALID_REQUEST).detail(error.to_string()),
            other @ IssuerError::Signing(_) => Self::internal(chain(&other)),
        }
    }
}
