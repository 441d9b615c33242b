//! What the cluster says when it refuses, and what that means.

use opspilot_core::module::HealthStatus;

use crate::kubernetes::kind::Kind;
use crate::kubernetes::wire::Status;

/// Why the cluster is of no help now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kubernetes) struct Trouble {
    pub(in crate::kubernetes) status: HealthStatus,
    pub(in crate::kubernetes) message: String,
    pub(in crate::kubernetes) kind: TroubleKind,
    /// What the API server answered; 0 if it did not.
    pub(in crate::kubernetes) code: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kubernetes) enum TroubleKind {
    /// The version is too old, or not yet there: list again.
    Gone,
    /// Try again.
    Other,
}

impl Trouble {
    pub(in crate::kubernetes) fn other(message: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Degraded,
            message: message.into(),
            kind: TroubleKind::Other,
            code: 0,
        }
    }

    /// The watch cannot go on where it was.
    pub(in crate::kubernetes) fn gone(message: impl Into<String>) -> Self {
        Self {
            kind: TroubleKind::Gone,
            ..Self::other(message)
        }
    }

    pub(super) fn unhealthy(message: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Unhealthy,
            ..Self::other(message)
        }
    }
}

/// What a refusal means.
pub(in crate::kubernetes) fn refusal(
    status: &Status,
    verb: &str,
    kind: Kind,
    namespace: &str,
) -> Trouble {
    let said = status
        .message
        .as_deref()
        .or(status.reason.as_deref())
        .unwrap_or_default();
    let causes = status
        .details
        .as_ref()
        .and_then(|details| details.causes.as_ref());
    let is_future = causes
        .into_iter()
        .flatten()
        .any(|cause| cause.reason.as_deref() == Some("ResourceVersionTooLarge"));
    match status.code {
        410 => Trouble::gone(format!("the version is gone: {said}")),
        _ if is_future => Trouble::gone(format!("the version is not there: {said}")),
        401 => Trouble::unhealthy(format!(
            "the API server does not accept the credentials (401): {said}"
        )),
        403 => {
            let scope = match (kind, namespace) {
                (Kind::Nodes, _) | (_, "") => "in the cluster".to_owned(),
                (_, namespace) => format!("in the namespace `{namespace}`"),
            };
            let resource = kind.resource();
            let verbs = match kind {
                Kind::Logs => "the verb `get`",
                _ => "the verbs `list` and `watch`",
            };
            Trouble::unhealthy(format!(
                "may not {verb} {resource} {scope} (403): grant {verbs} on `{resource}` in the API group \
                 `{}`, as docs/kubernetes-rbac.yaml does: {said}",
                kind.group()
            ))
        }
        code => Trouble {
            code,
            ..Trouble::other(format!("cannot {verb} {}: {code} {said}", kind.resource()))
        },
    }
}
