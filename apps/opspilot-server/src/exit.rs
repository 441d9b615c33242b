//! Exit codes, for scripts.

use std::process::ExitCode;

use opspilot_core::config::ConfigErrors;
use opspilot_core::module::Unfit;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration or an argument is wrong: exit code 2.
    Config(ConfigErrors),
    /// An argument or its file is wrong: exit code 2.
    Usage(String),
    /// A proof or a trial failed, and the command has said why: exit code 1.
    Unproved,
    /// A second signal ended the stop: exit code 3.
    CutShort,
    /// Something did not work: exit code 1.
    Broken(anyhow::Error),
}

impl Failure {
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Usage(_) => ExitCode::from(2),
            Self::CutShort => ExitCode::from(3),
            Self::Unproved | Self::Broken(_) => ExitCode::from(1),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Config(errors) => Self::Config(errors),
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl From<opspilot_core::runtime::StartError> for Failure {
    fn from(error: opspilot_core::runtime::StartError) -> Self {
        match error {
            opspilot_core::runtime::StartError::Config(errors) => Self::Config(errors),
            opspilot_core::runtime::StartError::Order(error) => Self::Usage(error.to_string()),
            opspilot_core::runtime::StartError::NoWayIn => Self::Usage(error.to_string()),
            other => Self::Broken(other.into()),
        }
    }
}
