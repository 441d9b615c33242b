//! What the runtime itself notes in the audit log.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{CORE, Runtime, Shared};
use crate::error::chain;
use crate::module::{ReloadReport, RestartError, Tasks};
use crate::safety::audit::Record;

/// How long the runtime waits for an entry. With a storage that does not work it is stored later.
const PATIENCE: Duration = Duration::from_secs(1);

/// The tasks that sign and shorten the log, and let proposals expire.
#[derive(Debug)]
pub(super) struct Keeper {
    tasks: Tasks,
    cancel: CancellationToken,
}

impl Keeper {
    pub(super) fn start(shared: &Shared, retention: Option<Duration>) -> Self {
        let keeper = Self {
            tasks: Tasks::of(CORE.id),
            cancel: CancellationToken::new(),
        };
        let (audit, cancel) = (shared.audit.clone(), keeper.cancel.clone());
        let runner = shared.runner.clone();
        keeper
            .tasks
            .spawn("proposals", async move { runner.keep().await });
        keeper
            .tasks
            .spawn("audit", async move { audit.keep(retention, &cancel).await });
        keeper
    }

    pub(super) async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.finished().await;
    }
}

impl Runtime {
    /// Notes that a configuration was refused which `actor` asked for; also one that the runtime never saw.
    pub async fn tell_refused(&self, actor: &str, reason: &str) {
        self.tell(Record::new("config.refused", actor).detail("reason", reason))
            .await;
    }

    pub(super) fn started(&self) -> Record {
        let modules: Vec<&str> = self.modules.keys().copied().collect();
        Record::new("system.started", CORE.id)
            .detail("name", self.config.system.name.as_str())
            .detail("environment", json!(self.config.system.environment))
            .detail("version", env!("CARGO_PKG_VERSION"))
            .detail("modules", modules)
    }

    pub(super) async fn tell(&self, record: Record) {
        let action = record.action.clone();
        match tokio::time::timeout(PATIENCE, self.shared.audit.append(record)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(%action, error = %chain(&error), "audit entry could not be stored");
            }
            Err(_) => warn!(%action, "audit entry waits for the storage"),
        }
    }

    /// Signs the last entries, so that a stopped log is proved whole.
    pub(super) async fn sign_end(&self) {
        match tokio::time::timeout(PATIENCE, self.shared.audit.checkpoint()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                warn!(error = %chain(&error), "the end of the audit log could not be signed");
            }
            Err(_) => warn!("the end of the audit log could not be signed in time"),
        }
    }
}

pub(super) fn reloaded(actor: &str, report: &ReloadReport) -> Record {
    let mut record = Record::new("config.reloaded", actor);
    if let Ok(Value::Object(details)) = serde_json::to_value(report) {
        record.details = details;
    }
    record
}

pub(super) fn restarted(actor: &str, id: &str, outcome: &Result<(), RestartError>) -> Record {
    let (action, failure) = match outcome {
        Ok(()) => ("module.restarted", None),
        Err(RestartError::Failed { reason, .. }) => ("module.restartFailed", Some(reason.clone())),
        Err(refusal) => ("module.restartRefused", Some(refusal.to_string())),
    };
    let record = Record::new(action, actor).target(id);
    match failure {
        Some(reason) => record.detail("reason", reason),
        None => record,
    }
}
