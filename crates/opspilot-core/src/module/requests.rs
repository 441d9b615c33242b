//! What modules ask of whoever drives the runtime: another configuration, or another start of one module.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::System;
use crate::config::ConfigErrors;

/// The receiving end of the requests.
pub type Requests = mpsc::Receiver<Request>;

/// Something that the runtime should do.
#[derive(Debug)]
pub enum Request {
    /// The configuration is to be read again.
    Reload {
        /// Who wants it: a subject or a module id. The audit log names them.
        by: String,
        /// Where the outcome is told.
        answer: oneshot::Sender<Result<ReloadReport, ReloadError>>,
    },
    /// A module is to end and start again.
    Restart {
        /// The module's id, as it was asked for.
        module: String,
        /// Who wants it.
        by: String,
        /// Where the outcome is told.
        answer: oneshot::Sender<Result<(), RestartError>>,
    },
}

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReloadReport {
    /// Modules that were switched on.
    pub started: Vec<String>,
    /// Modules whose options changed.
    pub restarted: Vec<String>,
    /// Modules that were switched off.
    pub stopped: Vec<String>,
    /// Changes that take effect only when the server starts again.
    pub needs_restart: Vec<String>,
    /// Modules among those that do not start. They are tried again by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedStart>,
    /// What is doubtful in the configuration, with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What changed in one line, as the log tells it.
impl fmt::Display for ReloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: Vec<_> = self.failed.iter().map(|one| one.module.clone()).collect();
        let parts = [
            ("started", &self.started),
            ("restarted", &self.restarted),
            ("stopped", &self.stopped),
            ("does not start", &failed),
            ("takes effect at the next start", &self.needs_restart),
        ];
        let mut told = parts.iter().filter(|(_, names)| !names.is_empty());
        let Some((what, names)) = told.next() else {
            return f.write_str("nothing changed");
        };
        write!(f, "{what}: {}", names.join(", "))?;
        told.try_for_each(|(what, names)| write!(f, "; {what}: {}", names.join(", ")))
    }
}

/// A module that does not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailedStart {
    /// The module.
    pub module: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was reloaded. Nothing was changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The file is wrong.
    #[error("{0}")]
    Invalid(ConfigErrors),
    /// Its modules do not fit together, or it cannot be used for another reason.
    #[error("{0}")]
    Unusable(String),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// Why a module was not restarted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestartError {
    /// No module has this id.
    #[error("there is no module `{0}`")]
    Unknown(String),
    /// The configuration does not switch it on.
    #[error("module `{0}` does not run: switch it on in the configuration and reload that")]
    Off(String),
    /// It is not a part that can end by itself.
    #[error("`{0}` cannot be restarted alone: everything else stands on it; restart the server")]
    NotAlone(String),
    /// It ended and does not start; its supervisor goes on trying.
    #[error("module `{module}` does not start: {reason}; it is tried again by itself")]
    Failed {
        /// The module.
        module: String,
        /// Why.
        reason: String,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl System {
    /// Reads the configuration again on behalf of `by` and restarts the modules whose section changed.
    ///
    /// # Errors
    /// When the new configuration is wrong; nothing is changed then.
    pub async fn reload(&self, by: &str) -> Result<ReloadReport, ReloadError> {
        let by = by.to_owned();
        let reply = self.request(|answer| Request::Reload { by, answer }).await;
        reply.unwrap_or(Err(ReloadError::Stopping))
    }

    /// Ends `module` on behalf of `by`, starts it again, and returns when it runs.
    ///
    /// # Errors
    /// When there is nothing to restart, or it does not start again.
    pub async fn restart(&self, module: &str, by: &str) -> Result<(), RestartError> {
        let (module, by) = (module.to_owned(), by.to_owned());
        let request = |answer| Request::Restart { module, by, answer };
        let reply = self.request(request).await;
        reply.unwrap_or(Err(RestartError::Stopping))
    }

    /// Asks whoever drives the runtime; `None` when nobody does any more.
    async fn request<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (answer, reply) = oneshot::channel();
        self.requests().send(request(answer)).await.ok()?;
        reply.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::ReloadReport;

    #[test]
    fn a_reload_is_told_in_one_line() {
        let mut report = ReloadReport::default();
        assert_eq!(report.to_string(), "nothing changed");
        report.needs_restart = vec!["storage".into()];
        report.restarted = vec!["detector.regex".into(), "ui.api".into()];
        assert_eq!(
            report.to_string(),
            "restarted: detector.regex, ui.api; takes effect at the next start: storage"
        );
    }
}
