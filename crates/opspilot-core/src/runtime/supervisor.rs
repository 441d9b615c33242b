//! Supervision of one module: run, and start again after a failure.

mod prepared;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, error, warn};

pub(super) use self::prepared::Prepared;
use super::Shared;
use crate::config::ModuleOptions;
use crate::error::chain;
use crate::event::ModuleLifecycle;
use crate::module::{
    Category, Context, DynModule, Factory, HealthReporter, HealthStatus, Manifest, ModuleState,
    RunError, Tasks,
};
use crate::resilience::{Backoff, BackoffPolicy};
use crate::safety::powers::ModuleActions;
use crate::storage::Store;

/// The pauses between starts of a module that fails.
const RESTART: BackoffPolicy =
    BackoffPolicy::endless(Duration::from_millis(250), Duration::from_secs(30));

/// How long a module must run before its next failure counts as the first again.
const STEADY: Duration = Duration::from_mins(1);

/// How long a module may take to end once it is cancelled.
const PATIENCE: Duration = Duration::from_secs(8);

/// A module under supervision.
#[derive(Debug)]
pub(super) struct Supervised {
    manifest: &'static Manifest,
    cancel: CancellationToken,
    state: watch::Receiver<ModuleState>,
    task: JoinHandle<()>,
}

struct Actor {
    shared: Arc<Shared>,
    factory: Factory,
    options: ModuleOptions,
    health: HealthReporter,
    state: watch::Sender<ModuleState>,
    restarts: watch::Sender<u64>,
    cancel: CancellationToken,
}

/// What a module logs carries its id.
fn span(id: &'static str) -> tracing::Span {
    tracing::info_span!("module", id)
}

impl Supervised {
    /// Begins to supervise a life that was prepared, or else to try again after a pause.
    fn begin(actor: Actor, life: Option<(Box<dyn DynModule>, Context)>) -> Self {
        let manifest = actor.factory.manifest();
        let (cancel, state) = (actor.cancel.clone(), actor.state.subscribe());
        let span = span(manifest.id);
        #[expect(
            clippy::disallowed_methods,
            reason = "the runtime owns this task and awaits it in `stop`"
        )]
        let task = tokio::spawn(actor.supervise(life).instrument(span));
        Self {
            manifest,
            cancel,
            state,
            task,
        }
    }

    /// Waits until it runs; false if it failed first.
    pub(super) async fn runs(&self) -> bool {
        let is_decided = |state: &ModuleState| {
            !matches!(state, ModuleState::Registered | ModuleState::Initialised)
        };
        let mut state = self.state.clone();
        let decided = state.wait_for(is_decided).await;
        decided.is_ok_and(|state| *state == ModuleState::Running)
    }

    pub(super) fn category(&self) -> Category {
        self.manifest.category
    }

    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Ends the module, waiting a while for it to finish what it began.
    pub(super) async fn stop(mut self) {
        self.cancel.cancel();
        if tokio::time::timeout(PATIENCE, &mut self.task)
            .await
            .is_err()
        {
            warn!(
                module = self.manifest.id,
                "module did not end in time and was cut off"
            );
            self.task.abort();
        }
    }
}

impl Actor {
    async fn supervise(self, life: Option<(Box<dyn DynModule>, Context)>) {
        let mut backoff = RESTART.start();
        let mut current = life;
        if current.is_none() {
            self.pause(&mut backoff).await;
        }
        while !self.cancel.is_cancelled() {
            let started = tokio::time::Instant::now();
            let outcome = match current.take() {
                Some((module, cx)) => self.run(module, cx).await,
                None => self.start_again().await.map(|fresh| current = Some(fresh)),
            };
            if current.is_some() || self.cancel.is_cancelled() {
                continue;
            }
            if started.elapsed() >= STEADY {
                backoff.reset();
            }
            let failure = outcome
                .err()
                .unwrap_or_else(|| RunError::message("it ended without being asked to"));
            self.report(&failure);
            self.pause(&mut backoff).await;
        }
        self.enter(ModuleState::Stopped, None);
    }

    /// Waits for as long as a module that failed waits, or until it is to end.
    async fn pause(&self, backoff: &mut Backoff) {
        let pause = backoff.next_delay().unwrap_or(Duration::from_secs(30));
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Runs one life of the module and, when it was asked to end, lets it finish.
    async fn run(&self, mut module: Box<dyn DynModule>, cx: Context) -> Result<(), RunError> {
        self.enter(ModuleState::Running, None);
        let outcome = caught(module.run(&cx)).await;
        let outcome = if self.cancel.is_cancelled() {
            self.enter(ModuleState::Stopping, None);
            if let Err(failure) = outcome.and(caught(module.stop(&cx)).await) {
                error!(error = %chain(&failure), "module did not stop cleanly");
            }
            Ok(())
        } else {
            outcome
        };
        // The module goes before its tasks, so that what it held is released whatever they do.
        drop(module);
        cx.cancel.cancel();
        cx.tasks.finished().await;
        outcome
    }

    async fn start_again(&self) -> Result<(Box<dyn DynModule>, Context), RunError> {
        self.restarts.send_modify(|count| *count += 1);
        let cx = self.context();
        let mut module = self
            .factory
            .build(&self.options)
            .map_err(|errors| RunError::new("the options are wrong", errors))?;
        caught(module.init(&cx)).await?;
        self.health.clear("supervisor");
        Ok((module, cx))
    }

    fn report(&self, failure: &RunError) {
        let message = chain(failure);
        error!(error = message, "module failed and will be started again");
        self.health.raise(
            "supervisor",
            HealthStatus::Degraded,
            format!("failed, starting again: {message}"),
        );
        self.enter(ModuleState::Failed, Some(message));
    }

    fn enter(&self, state: ModuleState, error: Option<String>) {
        let module_id = self.factory.manifest().id;
        debug!(module = module_id, ?state, "module state");
        self.state.send_replace(state);
        if matches!(state, ModuleState::Failed)
            || (matches!(state, ModuleState::Running) && self.has_restarted())
        {
            self.shared.bus.announce(ModuleLifecycle {
                module_id: module_id.to_owned(),
                state,
                error,
            });
        }
    }

    fn has_restarted(&self) -> bool {
        *self.restarts.borrow() > 0
    }

    fn context(&self) -> Context {
        let manifest = self.factory.manifest();
        let shared = &self.shared;
        Context {
            id: manifest.id,
            bus: shared.bus.of_module(manifest.rights(), self.health.clone()),
            store: Store::new(Arc::clone(&shared.storage), manifest.id),
            incidents: shared.incidents.clone(),
            on_call: shared.on_call.clone(),
            runbooks: shared.runbooks.clone(),
            deliveries: shared.deliveries.clone(),
            audit: shared.audit.of_module(manifest.id),
            actions: ModuleActions::new(shared.gate.clone(), shared.runner.clone(), manifest.id),
            clock: Arc::clone(&shared.clock),
            metrics: shared.metrics.of_module(manifest.id),
            health: self.health.clone(),
            cancel: self.cancel.child_token(),
            tasks: Tasks::of(manifest.id),
            system: shared.system.clone(),
            access: shared.access.for_category(manifest.category),
        }
    }
}

/// Turns a panic into an error.
async fn caught(work: impl Future<Output = Result<(), RunError>>) -> Result<(), RunError> {
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(RunError::message(format!(
            "it panicked: {}",
            text.as_deref().unwrap_or("without a message")
        )))
    })
}
