//! What is wrong when the service does not answer with a page.

use std::error::Error;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use opspilot_core::error::chain;

use super::cloud::Cloud;

/// The longest pause that an answer may ask for.
const LONGEST_WISH: Duration = Duration::from_mins(5);

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There were too many requests: ask for the same page later.
    Throttled,
    /// The way to the service, or the service, is disturbed: ask for the same page later.
    Disturbed,
    /// A person has to change something.
    Refused,
    /// There is no such group.
    Missing,
    /// The page cannot be asked for again: start the poll anew.
    Stale,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) message: String,
    /// The service asks for so long a pause at least.
    pub(super) pause: Option<Duration>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// What the message begins with.
    pub(super) what: &'a str,
    /// The action that a policy has to allow.
    pub(super) action: &'a str,
    /// What it has to be allowed on.
    pub(super) on: &'a str,
}

impl Trouble {
    pub(super) fn new(kind: Kind, message: String) -> Self {
        Self {
            kind,
            message,
            pause: None,
        }
    }

    /// What an error means for what was asked.
    pub(super) fn of<E>(cloud: &Cloud, asked: Asked<'_>, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let (kind, message) = match error {
            SdkError::ServiceError(context) => {
                let inner = context.err();
                let answer = Answer {
                    code: inner.code().unwrap_or_default(),
                    said: inner.message().unwrap_or("without a reason"),
                    status: context.raw().status().as_u16(),
                };
                answer.trouble(cloud, asked)
            }
            SdkError::TimeoutError(_) => (
                Kind::Disturbed,
                format!("{} does not answer in time", cloud.service()),
            ),
            SdkError::ResponseError(context) => {
                let status = context.raw().status().as_u16();
                let text = format!(
                    "{} answers with {status} and nothing that can be read: is `endpointUrl` the one of CloudWatch Logs?",
                    cloud.service()
                );
                (Kind::Disturbed, text)
            }
            other => unreached(cloud, other),
        };
        let header = |name| error.raw_response()?.headers().get(name)?.parse().ok();
        let seconds = header("retry-after").map(Duration::from_secs);
        let millis = header("x-amz-retry-after").map(Duration::from_millis);
        let pause = seconds.or(millis).map(|pause| pause.min(LONGEST_WISH));
        Self {
            kind,
            message: format!("{}: {message}", asked.what),
            pause,
        }
    }
}

/// An answer that is an error.
struct Answer<'a> {
    code: &'a str,
    said: &'a str,
    status: u16,
}

impl Answer<'_> {
    fn trouble(&self, cloud: &Cloud, asked: Asked<'_>) -> (Kind, String) {
        let (code, said) = (self.code, self.said);
        match code {
            "ThrottlingException"
            | "Throttling"
            | "LimitExceededException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "RequestThrottled" => (
                Kind::Throttled,
                "is throttled: too many requests of this account and region".to_owned(),
            ),
            "AccessDeniedException" | "AccessDenied" => (
                Kind::Refused,
                format!(
                    "access denied: allow the action {} on {} to {}: {said}",
                    asked.action,
                    asked.on,
                    cloud.identity()
                ),
            ),
            "ResourceNotFoundException" => (
                Kind::Missing,
                format!("does not exist in region {}: {said}", cloud.region()),
            ),
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "AuthFailure" => (
                Kind::Refused,
                format!(
                    "the credentials ({}) are refused by {} ({code}): {said}",
                    cloud.identity(),
                    cloud.service()
                ),
            ),
            "InvalidParameterException" => (Kind::Stale, format!("is refused ({code}): {said}")),
            _ if self.is_unknown() => (
                Kind::Refused,
                format!(
                    "{} does not know {} ({} {code})",
                    cloud.service(),
                    asked.action,
                    self.status
                ),
            ),
            _ if self.status == 429 => (Kind::Throttled, "is throttled (429)".to_owned()),
            _ if self.status >= 500 => (
                Kind::Disturbed,
                format!("{} fails ({} {code}): {said}", cloud.service(), self.status),
            ),
            _ => (
                Kind::Refused,
                format!(
                    "{} refuses ({} {code}): {said}",
                    cloud.service(),
                    self.status
                ),
            ),
        }
    }

    /// True if the service is one that has no such action, as servers for tests answer.
    fn is_unknown(&self) -> bool {
        let codes = [
            "UnknownOperationException",
            "UnknownOperation",
            "InvalidAction",
        ];
        codes.contains(&self.code) || matches!(self.status, 404 | 501)
    }
}

/// The service was not reached, or the request could not be made.
fn unreached(cloud: &Cloud, error: &(dyn Error + 'static)) -> (Kind, String) {
    let reason = chain(error);
    let is_about_credentials = reason.contains("credential") || reason.contains("identity");
    if is_about_credentials {
        let text = match cloud.role() {
            Some(role) => format!("cannot assume the role `{role}`: {reason}"),
            None if cloud.has_keys() => format!("the credentials cannot be used: {reason}"),
            None => format!(
                "there are no credentials: set `accessKeyId` and `secretAccessKey`, or give the machine a role: {reason}"
            ),
        };
        return (Kind::Refused, text);
    }
    let text = format!(
        "cannot reach {}: {reason}: are `region` and `endpointUrl` right?",
        cloud.service()
    );
    (Kind::Disturbed, text)
}
