//! A module between being built and running.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{Actor, Supervised, span};
use crate::config::ModuleOptions;
use crate::module::{
    Context, DynModule, Factory, Health, HealthReporter, ModuleState, RunError, Watched,
};
use crate::runtime::Shared;

/// A module that is built and not yet running.
pub(in crate::runtime) struct Prepared {
    actor: Actor,
    module: Box<dyn DynModule>,
    cx: Context,
    receivers: Receivers,
}

struct Receivers {
    health: watch::Receiver<Health>,
    state: watch::Receiver<ModuleState>,
    restarts: watch::Receiver<u64>,
}

impl Prepared {
    pub(in crate::runtime) fn new(
        shared: &Arc<Shared>,
        factory: Factory,
        options: ModuleOptions,
        module: Box<dyn DynModule>,
    ) -> Self {
        let (health, health_receiver) = HealthReporter::new(Arc::clone(&shared.clock));
        let (state, state_receiver) = watch::channel(ModuleState::Registered);
        let (restarts, restarts_receiver) = watch::channel(0);
        let cancel = CancellationToken::new();
        let actor = Actor {
            shared: Arc::clone(shared),
            factory,
            options,
            health,
            state,
            restarts,
            cancel,
        };
        let cx = actor.context();
        let receivers = Receivers {
            health: health_receiver,
            state: state_receiver,
            restarts: restarts_receiver,
        };
        Self {
            actor,
            module,
            cx,
            receivers,
        }
    }

    pub(in crate::runtime) fn id(&self) -> &'static str {
        self.actor.factory.manifest().id
    }

    pub(in crate::runtime) fn watched(&self) -> Watched {
        Watched {
            manifest: self.actor.factory.manifest(),
            state: self.receivers.state.clone(),
            health: self.receivers.health.clone(),
            restarts: self.receivers.restarts.clone(),
        }
    }

    pub(in crate::runtime) async fn init(&mut self) -> Result<(), RunError> {
        let span = span(self.id());
        self.module.init(&self.cx).instrument(span).await?;
        self.actor.enter(ModuleState::Initialised, None);
        Ok(())
    }

    /// Lets it run.
    pub(in crate::runtime) fn launch(self) -> Supervised {
        let Self {
            actor, module, cx, ..
        } = self;
        Supervised::begin(actor, Some((module, cx)))
    }

    /// Leaves a module whose start failed to its supervisor, who tries again after a pause.
    pub(in crate::runtime) fn launch_later(self, failure: &RunError) -> Supervised {
        let Self { actor, cx, .. } = self;
        cx.cancel.cancel();
        actor.report(failure);
        Supervised::begin(actor, None)
    }
}
