//! Module `ui.api`: the REST interface.
//!
//! A request passes, from the outside in: [`observe`] (request id, security headers, errors as `problem+json`,
//! metrics), panics, [`guard`] (host and origin), CORS, [`rate`] limits, a deadline, the body limit, [`access`] (who
//! may), [`idempotency`], and the handler of its row in [`mod@routes`].

mod access;
mod answer;
mod audit;
mod body;
mod caller;
mod compress;
mod config;
mod csp;
mod dead_letters;
mod etag;
mod executions;
mod exposition;
mod faults;
mod front;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod guard;
mod health;
mod idempotency;
mod incidents;
mod keys;
mod metrics;
mod modules;
mod names;
mod notifications;
mod observe;
mod on_call;
mod openapi;
mod params;
mod pass;
mod problem;
mod proposals;
mod proxies;
mod rate;
mod router;
mod routes;
mod rules;
mod runs;
mod saved;
mod session;
mod setup;
mod socket;
mod sources;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod tokens;
mod topology;
mod trial;
mod users;
mod views;

use async_trait::async_trait;
use opspilot_core::module::{
    BuildError, Category, Context, Manifest, Module, RunError, Trial, TrialContext,
};
use opspilot_net::{Limits, bind, is_wide, serve};
use tokio::net::TcpListener;
use tracing::info;

use self::access::Access;
use self::config::Options;
use self::front::Front;
use self::names::Names;
use self::state::{ApiLimits, Parts, State};

pub use config::Config;
pub use openapi::document as openapi;
pub use routes::{Role, Route, Verb, routes};
pub use socket::{Config as WebSocketConfig, WebSocket};

/// Serves the REST interface.
#[derive(Debug)]
pub struct Api {
    options: Options,
    limits: Limits,
    api_limits: ApiLimits,
    ready: Option<(TcpListener, Access)>,
}

#[async_trait]
impl Module for Api {
    const MANIFEST: Manifest = Manifest {
        enabled_by_default: true,
        metrics: metrics::METRICS,
        ..Manifest::new(
            "ui.api",
            Category::Ui,
            "Serves incidents, health and metrics over HTTP.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        Ok(Self {
            options: Options::try_from(config)?,
            limits: Limits::default(),
            api_limits: ApiLimits::default(),
            ready: None,
        })
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        vec![trial::try_address(&self.options, cx).await]
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let wanted = self.options.address;
        let asks = cx.access.as_ref().is_some_and(|access| access.auth.enabled);
        if !asks && is_wide(wanted.ip()) {
            return Err(RunError::message(format!(
                "other machines could reach `{}`, and nobody would ask them who they are: set `modules.ui.api.host` to \
                 `127.0.0.1`, or set `auth.enabled: true`, give keys and start the server again",
                wanted.ip()
            )));
        }
        let access = Access::open(cx, &self.options.base_path, self.api_limits).await?;
        let listener = bind(wanted, "modules.ui.api")?;
        let bound = local_address(&listener)?;
        cx.health.detail("port", bound.port());
        cx.health.detail("url", self.options.url(bound));
        cx.health.detail("serverRunning", false);
        self.ready = Some((listener, access));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let Some((listener, access)) = self.ready.take() else {
            return Err(RunError::message("the API was not initialised"));
        };
        let bound = local_address(&listener)?;
        let names = match &cx.access {
            Some(access) => Names::new(bound, &access.auth),
            None => Names::default(),
        };
        let parts = Parts {
            access,
            names,
            limits: self.api_limits,
        };
        let state = State::new(cx.clone(), &self.options, parts);
        let metrics = state.metrics().server();
        let hub = state.hub.clone();
        let (journal, cancel) = (cx.system.clone(), cx.cancel.clone());
        cx.tasks.spawn("stream hub", async move {
            hub.run(journal.bus().journal(), &cancel).await;
        });
        let router = router::build(state.clone(), &self.options);
        let front = Front::new(state, &self.options, router);
        info!(url = self.options.url(bound), "api is listening");
        cx.health.detail("serverRunning", true);
        serve(listener, front, self.limits, metrics, cx.cancel.clone()).await;
        cx.health.detail("serverRunning", false);
        Ok(())
    }
}

fn local_address(listener: &TcpListener) -> Result<std::net::SocketAddr, RunError> {
    let address = listener.local_addr();
    address.map_err(|error| RunError::new("the API's socket is not usable", error))
}
