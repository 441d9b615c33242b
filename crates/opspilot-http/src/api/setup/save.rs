//! Saving what was chosen, in place of the text that whoever saves it saw.

use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use opspilot_core::error::chain;
use opspilot_core::module::{DiskError, ReloadReport, ReplaceError, Replacement};
use opspilot_core::safety::action::Digest;
use tracing::info;

use super::super::answer::{Answer, json as answer, json_with};
use super::super::body::{self, Fields};
use super::super::caller::Caller;
use super::super::modules::BegunBody;
use super::super::problem::{Code, Problem};
use super::super::routes::{Input, Reply, Shape};
use super::super::state::State;
use super::wish::{NEW_CHANNELS, SOURCES};
use super::{wanted, written};

/// How long a digest is.
const DIGEST_LENGTH: usize = 64;

pub(in crate::api) const SAVE: Shape = Shape::json::<ReloadReport>()
    .or(Reply::json::<BegunBody>(202))
    .fields(&[
        SOURCES,
        NEW_CHANNELS,
        Input::of::<Option<Digest>>(
            "expected",
            "The `digest` of the file that was seen; `null` if there was none.",
        )
        .required(),
    ])
    .problems(&[
        Code::NOT_NOW,
        Code::BY_HAND,
        Code::CONFIGURATION_INVALID,
        Code::CONFIGURATION_CHANGED,
    ]);

/// `POST /setup/save`
///
/// A reload that changes this module's own options stops it, and so waits for this very answer; 202 ends the wait.
pub(in crate::api) async fn save(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut fields = Fields::parse(&headers, &body::read(body, state.limits()).await?)?;
    let expected = fields.required_or_null("expected", DIGEST_LENGTH);
    let expected = match expected.flatten().map(|text| text.parse()) {
        None => None,
        Some(Ok(digest)) => Some(digest),
        Some(Err(_)) => {
            fields.refuse("expected", "write the `digest` of the file, or `null`");
            None
        }
    };
    let by = caller.name();
    let (wish, file) = wanted(&state, fields, Some(&by)).await?;
    let current = file.current().await?;
    if current.digest != expected {
        return Err(Problem::of(Code::CONFIGURATION_CHANGED));
    }
    let text = written(&wish, &current)?;
    info!(actor = by, "a configuration was set up");
    let replacing = file.replace(Replacement { by, expected, text });
    match state.cx.cancel.run_until_cancelled(replacing).await {
        Some(Ok(report)) => answer(&report),
        Some(Err(error)) => Err(error.into()),
        None => {
            let message = "the reload goes on; it starts the API itself again";
            json_with(StatusCode::ACCEPTED, &BegunBody { message })
        }
    }
}

impl From<ReplaceError> for Problem {
    fn from(error: ReplaceError) -> Self {
        let detail = chain(&error);
        match error {
            ReplaceError::Invalid(errors) => errors.into(),
            ReplaceError::Disk(DiskError::Changed { .. }) => {
                Self::of(Code::CONFIGURATION_CHANGED).detail(detail)
            }
            ReplaceError::Disk(_) => Self::of(Code::NOT_NOW).detail(detail),
            ReplaceError::Audit(_) => Self::storage(detail),
            ReplaceError::CutShort => Self::internal(detail),
            _ => Self::of(Code::CONFIGURATION_INVALID).detail(detail),
        }
    }
}
