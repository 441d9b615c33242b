//! Which messages are written.

use opspilot_core::config::{LogLevel, Logging};
use tracing_subscriber::EnvFilter;

use crate::exit::Failure;

/// The variable with a filter, which wins over the configuration.
pub(super) const VARIABLE: &str = "OPSPILOT_LOG";

/// The filter of the environment, else that of `logging`, else its level.
pub(super) fn of(variable: Option<&str>, logging: &Logging) -> Result<EnvFilter, Failure> {
    let written = variable.filter(|text| !text.is_empty());
    let (text, source) = match (written, &logging.filter) {
        (Some(text), _) => (text, VARIABLE),
        (None, Some(text)) => (text.as_str(), "logging.filter"),
        (None, None) => return Ok(EnvFilter::new(level(logging.level))),
    };
    EnvFilter::try_new(text).map_err(|error| {
        Failure::Usage(format!(
            "`{source}` is no filter: {error}; write levels by part, as in `opspilot=info,opspilot_http=debug`"
        ))
    })
}

/// What libraries say below a warning is about themselves. The names of our crates begin with `opspilot`.
const fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "warn,opspilot=debug",
        LogLevel::Info => "warn,opspilot=info",
        LogLevel::Warn => "warn,opspilot=warn",
        LogLevel::Error => "warn,opspilot=error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variable: Option<&str>, filter: Option<&str>, expected: &str) {
        let logging = Logging {
            filter: filter.map(str::to_owned),
            ..Logging::default()
        };
        let shown = match of(variable, &logging) {
            Ok(filter) => filter.to_string(),
            Err(failure) => format!("{failure:?}"),
        };
        assert!(
            shown.contains(expected),
            "{shown} for {variable:?} {filter:?}"
        );
    }

    #[test]
    fn the_variable_wins_over_the_file_and_a_fault_names_its_place() {
        check(None, None, "opspilot=info");
        check(Some(""), Some("opspilot=error"), "opspilot=error");
        check(
            Some("opspilot_http=debug"),
            Some("opspilot=error"),
            "opspilot_http=debug",
        );
        check(Some("a=loud"), None, "`OPSPILOT_LOG` is no filter");
        check(None, Some("[module{"), "`logging.filter` is no filter");
    }
}
