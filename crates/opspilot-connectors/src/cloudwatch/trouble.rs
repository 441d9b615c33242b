//! What is wrong when the service does not answer with a page.

use std::error::Error;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
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

impl Trouble {
    pub(super) fn new(kind: Kind, message: String) -> Self {
        Self {
            kind,
            message,
            pause: None,
        }
    }

    /// What an error means for `group`.
    pub(super) fn of(cloud: &Cloud, group: &str, error: &SdkError<FilterLogEventsError>) -> Self {
        let (kind, message) = match error {
            SdkError::ServiceError(context) => {
                let inner = context.err();
                let answer = Answer {
                    code: inner.code().unwrap_or_default(),
                    said: inner.message().unwrap_or("without a reason"),
                    status: context.raw().status().as_u16(),
                };
                answer.trouble(cloud, group)
            }
            SdkError::TimeoutError(_) => (
                Kind::Disturbed,
                format!("{} does not answer in time", cloud.service()),
            ),
            SdkError::ResponseError(context) => {
                let status = context.raw().status().as_u16();
                let text = format!(
                    "{} answers with {status} and no page: is `endpointUrl` the one of CloudWatch Logs?",
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
            message: format!("log group `{group}`: {message}"),
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
    fn trouble(&self, cloud: &Cloud, group: &str) -> (Kind, String) {
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
                    "access denied: allow the action logs:FilterLogEvents on `{group}` to {}: {said}",
                    cloud.identity()
                ),
            ),
            "ResourceNotFoundException" => (
                Kind::Refused,
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
}

/// The service was not reached, or the request could not be made.
fn unreached(cloud: &Cloud, error: &SdkError<FilterLogEventsError>) -> (Kind, String) {
    let reason = chain(error as &(dyn Error + 'static));
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
