//! `connector.webhook`: deliveries of other systems, over HTTP.
//!
//! A route is a path with a format and a credential. What is delivered becomes incidents (created, repeated, resolved)
//! or log records. A delivery is answered with 204 only after everything it led to is stored; before that the sender
//! keeps it. When too many are under way, or the storage does not work, the answer is 503 with `Retry-After`.
//!
//! An incident's identity is derived from route, the sender's fingerprint and the time when it began, so an alert that
//! is sent again is counted on its incident. `alerts`, `github` and `mapping` read formats, without input and output;
//! `publish` stores what they read.

mod alerts;
mod auth;
mod config;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod github;
mod mapping;
mod memory;
mod meters;
mod publish;
mod route;
mod service;
mod severities;
mod signal;
mod template;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opspilot_core::config::KeyPath;
use opspilot_core::error::chain;
use opspilot_core::module::{
    BuildError, Category, Context, Manifest, Module, RunError, Trial, TrialContext,
};
use opspilot_net::{Protocol, bind, is_wide, parse_host, serve, service_fn};
use tokio::net::TcpListener;
use tracing::{info, warn};

pub use config::{
    As, AuthConfig, BodyTest, Config, Encoding, Expected, ExpectedKind, Format, HmacConfig,
    MapConfig, RouteConfig,
};

use self::memory::Memory;
use self::meters::Meters;
use self::publish::Outlet;
use self::route::Route;
use self::service::Service;
use crate::intake::{Desk, PushedStream};
use crate::listen::front::{self, Front};

/// How often what is old is forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// Takes deliveries of other systems.
#[derive(Debug)]
pub struct Webhook {
    config: Config,
    address: SocketAddr,
    routes: Vec<Arc<Route>>,
    ready: Option<Ready>,
}

/// What `init` opened.
#[derive(Debug)]
struct Ready {
    socket: TcpListener,
    front: Front,
    service: Service,
    memory: Memory,
    meters: Meters,
}

const SECTION: &str = "modules.connector.webhook";

#[async_trait]
impl Module for Webhook {
    const MANIFEST: Manifest = Manifest {
        emits: &[
            "incident.cleared",
            "incident.created",
            "incident.repeated",
            "log.ingested",
        ],
        metrics: meters::METRICS,
        ..Manifest::new(
            "connector.webhook",
            Category::Connector,
            "Takes alerts of Alertmanager and Grafana, events of GitHub and any JSON over HTTP.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let host = parse_host(&config.host);
        let host = host.map_err(|message| BuildError::option(KeyPath::of(["host"]), message));
        let routes = route::compile(&config);
        let ranges = ranges(&config);
        match (host, routes, ranges) {
            (Ok(host), Ok(routes), None) => {
                refuse_open(&config, is_wide(host), &routes)?;
                Ok(Self {
                    address: SocketAddr::new(host, config.port),
                    config,
                    routes,
                    ready: None,
                })
            }
            (host, routes, ranges) => {
                let all = [host.err(), routes.err(), ranges].into_iter().flatten();
                Err(BuildError::join(all).unwrap_or_else(|| fault("host", "cannot be used")))
            }
        }
    }

    fn check(&self) -> Result<(), BuildError> {
        let routes = self.routes.iter().enumerate();
        let failures = routes.flat_map(|(index, route)| route.failures(index));
        BuildError::join(failures).map_or(Ok(()), Err)
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        let tls = self.config.tls.as_ref();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let work = front::try_address(cx, (self.address, tls), (SECTION, "port"));
        vec![
            cx.attempt(format!("{scheme}://{}", self.address), work)
                .await,
        ]
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let memory = Memory::open(cx).await?;
        let meters = Meters::new(cx);
        let mut outlets = Vec::with_capacity(self.routes.len());
        for route in &self.routes {
            let stream = PushedStream::open(cx, &format!("webhook:{}", route.id)).await?;
            let shared = (memory.clone(), meters.clone());
            let outlet = Outlet::new(Arc::clone(route), cx, shared, stream);
            outlets.push(Arc::new(outlet));
        }
        let patience = Duration::from_millis(self.config.timeout_ms);
        let desk = Desk::new(cx, self.config.max_in_flight, patience);
        let tls = (self.config.tls.as_ref(), &[Protocol::Http1][..]);
        let front = Front::open(cx, tls, self.config.bounds(), &meters::REFUSED).await?;
        let before = (front.clone(), desk);
        let limit = (meters.clone(), self.config.max_body_bytes);
        let service = Service::new(cx, outlets, before, limit);
        let socket = bind(self.address, SECTION)?;
        let bound = socket
            .local_addr()
            .map_err(|error| RunError::new("the socket is not usable", error))?;
        cx.health.detail("port", bound.port());
        cx.health.detail("routes", self.routes.len());
        let (scheme, routes) = (front.scheme(), self.routes.len());
        info!(address = %bound, scheme, routes, "webhooks are taken");
        self.ready = Some(Ready {
            socket,
            front,
            service,
            memory,
            meters,
        });
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let Some(ready) = self.ready.take() else {
            return Err(RunError::message("the webhooks were not initialised"));
        };
        let Ready {
            socket,
            front,
            service,
            memory,
            meters,
        } = ready;
        let service = service_fn(move |request| service.clone().call(request));
        let serving = serve(
            front.listener(socket, Protocol::Http1),
            service,
            front.limits(Protocol::Http1),
            front.server(meters.connections()),
            cx.cancel.clone(),
        );
        let forgetting = async {
            let mut ticks = tokio::time::interval(FORGET_EVERY);
            loop {
                ticks.tick().await;
                forget(cx, &memory).await;
            }
        };
        // Neither of the two after it ends before the module is told to.
        let besides = async { tokio::join!(forgetting, front.look_after(cx)) };
        tokio::select! {
            () = serving => Ok(()),
            _ = besides => Ok(()),
        }
    }
}

/// Forgets what is old. What cannot be forgotten now is forgotten later.
async fn forget(cx: &Context, memory: &Memory) {
    loop {
        match memory.forget(cx.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                warn!(error = %chain(&error), "old deliveries could not be forgotten");
                return;
            }
        }
    }
}

fn fault(key: &str, message: impl Into<String>) -> BuildError {
    BuildError::option(KeyPath::of([key]), message)
}

fn ranges(config: &Config) -> Option<BuildError> {
    let rows = [
        (
            "maxBodyBytes",
            config.max_body_bytes as u64,
            1_024,
            16 << 20,
        ),
        ("maxInFlight", config.max_in_flight as u64, 1, 256),
        ("timeoutMs", config.timeout_ms, 100, 60_000),
    ];
    let wrong = rows
        .into_iter()
        .filter(|(_, value, low, high)| value < low || value > high);
    let wrong =
        wrong.map(|(key, _, low, high)| fault(key, format!("must be from {low} to {high}")));
    BuildError::join(wrong.chain(config.bounds().faults()))
}

/// Nobody but this machine may deliver without a credential.
fn refuse_open(config: &Config, is_wide: bool, routes: &[Arc<Route>]) -> Result<(), BuildError> {
    let open = routes.iter().find(|route| route.guard.is_open());
    match open {
        Some(route) if is_wide && !config.asks_for_certificates() => Err(fault(
            "host",
            format!(
                "other machines could reach `{}`, and route `{}` asks nobody who they are: set `host` to `127.0.0.1`, \
                 give the route `auth` (bearer, basic or hmac), or name the authority of its clients in \
                 `tls.clientCaFile`",
                config.host, route.id
            ),
        )),
        _ => Ok(()),
    }
}
