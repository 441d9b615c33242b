//! Why a change was not made, for callers.

use opspilot_core::changes::ChangeError;
use opspilot_core::config::{ConfigErrors, EditError};
use opspilot_core::error::chain;
use opspilot_core::safety::refusal::Refusal;
use serde_json::json;

use super::super::super::problem::{Code, Problem};
use super::super::super::proposals::refused;

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(Refusal::Unknown) => Self::of(Code::NO_SUCH_CHANGE),
            ChangeError::Refused(refusal) => refused(refusal),
            ChangeError::Outdated => Self::of(Code::OUTDATED),
            ChangeError::Edit(error) => edit(error),
            ChangeError::Invalid(errors) => faults(Code::CONFIGURATION_INVALID, &errors),
            ChangeError::NoSuchDetector(_) => {
                Self::of(Code::NO_SUCH_RULE).detail(error.to_string())
            }
            ChangeError::Obstacle(_) | ChangeError::TooMany => {
                Self::of(Code::NOT_NOW).detail(error.to_string())
            }
            ChangeError::Failed(_) => {
                Self::of(Code::CONFIGURATION_INVALID).detail(error.to_string())
            }
            ChangeError::Storage(storage) => storage.into(),
            ChangeError::Publish(publish) => publish.into(),
            other => Self::internal(chain(&other)),
        }
    }
}

fn edit(error: EditError) -> Problem {
    match error {
        EditError::Rule(errors) => faults(Code::RULE_INVALID, &errors),
        EditError::File(errors) => faults(Code::CONFIGURATION_INVALID, &errors),
        EditError::NoSuchRule(_) => Problem::of(Code::NO_SUCH_RULE).detail(error.to_string()),
        other => Problem::of(Code::NOT_NOW).detail(other.to_string()),
    }
}

/// Every fault with its place.
fn faults(code: Code, errors: &ConfigErrors) -> Problem {
    Problem::of(code)
        .detail(errors.to_string())
        .with("faults", json!(errors.faults()))
        .with("warnings", json!(errors.warnings()))
}
