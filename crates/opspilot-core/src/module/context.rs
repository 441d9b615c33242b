//! Everything a module may use.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::{Category, ConfigFile, HealthReporter, RunError, System};
use crate::bus::ModuleBus;
use crate::clock::Clock;
use crate::config::Auth;
use crate::deliveries::Deliveries;
use crate::incident::Incidents;
use crate::metrics::ModuleMetrics;
use crate::oncall::OnCall;
use crate::safety::audit::ModuleAudit;
use crate::safety::credentials::Credentials;
use crate::safety::powers::{Decisions, ModuleActions};
use crate::safety::runbook::RunbookRuns;
use crate::storage::Store;
use crate::views::SavedViews;

/// What a module is given: it reaches nothing else.
#[derive(Debug, Clone)]
pub struct Context {
    /// The module's id.
    pub id: &'static str,
    /// The bus, limited to what the manifest declares.
    pub bus: ModuleBus,
    /// The module's own collections.
    pub store: Store,
    /// The service that reads and changes incidents.
    pub incidents: Incidents,
    /// Who is on call, and on which channels people are reached.
    pub on_call: OnCall,
    /// The runs of runbooks.
    pub runbooks: RunbookRuns,
    /// What was sent to which channel.
    pub deliveries: Deliveries,
    /// The audit log, in which the module can act only for itself.
    pub audit: ModuleAudit,
    /// Proposes actions in the module's name, and reads what came of them.
    pub actions: ModuleActions,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The module's metrics.
    pub metrics: ModuleMetrics,
    /// Where the module says how it is.
    pub health: HealthReporter,
    /// Cancelled when the module must stop.
    pub cancel: CancellationToken,
    /// The module's tasks.
    pub tasks: Tasks,
    /// A view of the whole system, for user interfaces.
    pub system: System,
    /// How callers prove who they are: for user interfaces alone, and `None` for all other modules.
    pub access: Option<Access>,
}

/// How callers prove who they are, and the power to act for them; cloning it clones handles.
#[derive(Debug, Clone)]
pub struct Access {
    /// The section `auth`, as it was when the server started.
    pub auth: Arc<Auth>,
    /// Keys, tokens and sessions.
    pub credentials: Credentials,
    /// The power to decide on behalf of people.
    pub decisions: Decisions,
    /// What people saved for themselves.
    pub views: SavedViews,
    /// The configuration file and the power to replace it; `None` where no file drives the server.
    pub config_file: Option<ConfigFile>,
}

impl Access {
    /// The same for a module of `category`, if it is one that faces callers.
    #[must_use]
    pub fn for_category(&self, category: Category) -> Option<Self> {
        (category == Category::Ui).then(|| self.clone())
    }
}

/// Spawns tasks that end with their module.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    module: &'static str,
}

impl Tasks {
    /// The tasks of `module`.
    #[must_use]
    pub fn of(module: &'static str) -> Self {
        Self {
            tracker: TaskTracker::new(),
            module,
        }
    }

    /// Spawns a task. It should end soon after the context's `cancel`; a panic in it is logged and ends the task alone.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let span = tracing::info_span!("task", module = self.module, task = name);
        self.tracker.spawn(task.instrument(span));
    }

    /// Runs `work`, which may take longer than half a millisecond, on a thread for such work.
    ///
    /// # Errors
    /// When `work` panics.
    ///
    /// # Cancel safety
    /// Dropping the future leaves `work` running; its result is lost.
    pub async fn blocking<T, F>(&self, work: F) -> Result<T, RunError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let result = self.tracker.spawn_blocking(work).await;
        result.map_err(|error| RunError::new("the work was cut short", error))
    }

    /// Waits until every task ended.
    pub(crate) async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
