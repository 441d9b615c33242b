//! Module `ui.websocket`: what happens, as it happens, over WebSockets (RFC 6455).
//!
//! Messages are JSON texts. The server begins with `welcome` and sends nothing else until it is asked:
//!
//! | the client says | the server answers |
//! |---|---|
//! | `{action: subscribe, events: [...]}` | `{type: subscribed, events, id}` with all that is subscribed to, then events |
//! | the same with `severity`, `incident`, `module` | events of these types only that say one of the values |
//! | the same with `after: ID` | first the events behind that one that the subscriptions want, out of the journal |
//! | `{action: unsubscribe, events: [...]}` | `{type: subscribed, events, id}` |
//! | `{action: ping}` | `{type: pong}` |
//! | anything else | `{type: error, message}` |
//!
//! An event is `{type: event, id, eventType, source, timestamp, correlationId?, data}`. A client that did not keep up is
//! told `{type: missed, count, after, id}`, and may ask for what it missed with `after`.
//!
//! Clients come to the module's own listener, on any path, or to the row `/ws` of `ui.api`. Both let in whoever the API
//! would; who may not even open a WebSocket is refused before. [`stream`](super::stream) follows the journal for all.

mod ask;
mod config;
mod counts;
mod endpoint;
mod interest;
mod meter;
mod pipe;
mod session;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Request, State as Extract};
use axum::middleware::from_fn_with_state;
use opspilot_core::metrics::MetricSpec;
use opspilot_core::module::{
    BuildError, Category, Context, Manifest, Module, RunError, Trial, TrialContext,
};
use opspilot_net::{Limits, bind, bind_bounded, is_wide, serve};
use tokio::net::TcpListener;
use tracing::info;

use super::access::{self, Access, Door};
use super::answer::Answer;
use super::config::Options as ApiOptions;
use super::names::Names;
use super::params::Params;
use super::problem::{Code, Problem};
use super::routes::{Reply, Route, Shape, routes};
use super::state::{ApiLimits, Parts, State};
use super::{local_address, metrics, observe};

pub use self::config::Config;
pub(super) use self::interest::Facts;
pub(super) use self::wire::{event, frame};

use self::config::Options;
use self::endpoint::Endpoint;

/// The path of the row under `ui.api`.
const PATH: &str = "/ws";

/// Connections besides those of clients, so that one too many can still be told.
const SPARE: usize = 64;

/// How many clients one address of another machine may always have.
const PER_ADDRESS: usize = 32;

/// What the system keeps for a client that reads slowly, in bytes.
const SEND_BUFFER: u32 = 128 * 1024;

/// Streams events over WebSockets.
#[derive(Debug)]
pub struct WebSocket {
    options: Options,
    pub(super) api_limits: ApiLimits,
    ready: Option<(TcpListener, Access)>,
}

#[async_trait]
impl Module for WebSocket {
    const MANIFEST: Manifest = Manifest {
        metrics: METRICS,
        ..Manifest::new(
            "ui.websocket",
            Category::Ui,
            "Streams events to programs over WebSockets.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        Ok(Self {
            options: Options::try_from(config)?,
            api_limits: ApiLimits::default(),
            ready: None,
        })
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        let address = self.options.address;
        let listen = async {
            let bound = bind(address, "modules.ui.websocket");
            bound.map(|_| None).map_err(|error| error.to_string())
        };
        vec![cx.attempt(format!("ws://{address}"), listen).await]
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let wanted = self.options.address;
        let asks = cx.access.as_ref().is_some_and(|access| access.auth.enabled);
        if !asks && is_wide(wanted.ip()) {
            return Err(RunError::message(format!(
                "other machines could reach `{}`, and nobody would ask them who they are: set \
                 `modules.ui.websocket.host` to `127.0.0.1`, or set `auth.enabled: true`, give keys and start the \
                 server again",
                wanted.ip()
            )));
        }
        let access = Access::open(cx, "", self.api_limits).await?;
        let listener = bind_bounded(wanted, "modules.ui.websocket", SEND_BUFFER)?;
        cx.health.detail("port", local_address(&listener)?.port());
        self.ready = Some((listener, access));
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let Some((listener, access)) = self.ready.take() else {
            return Err(RunError::message("the module was not initialised"));
        };
        let bound = local_address(&listener)?;
        let state = self.state(cx, bound, access);
        let metrics = state.metrics().server();
        let (hub, system, cancel) = (state.hub.clone(), cx.system.clone(), cx.cancel.clone());
        cx.tasks.spawn("stream hub", async move {
            hub.run(system.bus().journal(), &cancel).await;
        });
        let endpoint = Arc::new(Endpoint::new(state.clone(), self.options.clone()));
        cx.system.offer(&endpoint);
        info!(address = %bound, "websocket is listening");
        let router = build(&state)?;
        serve(listener, router, self.limits(), metrics, cx.cancel.clone()).await;
        Ok(())
    }
}

impl WebSocket {
    fn state(&self, cx: &Context, bound: std::net::SocketAddr, access: Access) -> State {
        let names = match &cx.access {
            Some(access) => Names::new(bound, &access.auth),
            None => Names::default(),
        };
        let options = ApiOptions {
            address: self.options.address,
            base_path: String::new(),
            cors_origin: None,
            rate_limit: 0,
        };
        let parts = Parts {
            access,
            names,
            limits: self.api_limits,
        };
        State::new(cx.clone(), &options, parts)
    }

    /// One address of another machine has half of the places at most, so that others are let in too.
    fn limits(&self) -> Limits {
        let connections = self.options.clients + SPARE;
        Limits {
            connections,
            per_address: PER_ADDRESS.max(self.options.clients / 2),
            per_loopback: connections,
            ..Limits::default()
        }
    }
}

const METRICS: &[MetricSpec] = &{
    let [clients, sent, heard, closed] = counts::METRICS;
    let [requests, errors, refused, connections, missed] = metrics::METRICS_OF_LISTENERS;
    [
        clients,
        sent,
        heard,
        closed,
        requests,
        errors,
        refused,
        connections,
        missed,
    ]
};

/// Every path leads to the same door. The last layer added is the first that a request passes.
fn build(state: &State) -> Result<Router, RunError> {
    let door = Door {
        state: state.clone(),
        route: row().ok_or_else(|| RunError::message("the table of routes has no row `/ws`"))?,
    };
    Ok(Router::new()
        .fallback(own)
        .layer(from_fn_with_state(door, access::check))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state.clone()))
}

fn row() -> Option<&'static Route> {
    routes().iter().find(|route| route.path == PATH)
}

pub(super) const ENTER: Shape =
    Shape::of(Reply::bare(101)).problems(&[Code::NOT_FOUND, Code::UPGRADE_REQUIRED, Code::FULL]);

/// `GET /ws`, on the listener of `ui.api`: a client also takes one of the places of its streams.
pub(super) async fn enter(
    Extract(state): Extract<State>,
    params: Params,
    request: Request,
) -> Answer {
    let seat = state.hub.seat().ok_or_else(|| {
        Problem::of(Code::RATE_LIMITED)
            .detail("too many streams are open")
            .retry_after(5)
    })?;
    let_in(state, params, request, Some(seat))
}

/// Any path, on the module's own listener.
async fn own(Extract(state): Extract<State>, params: Params, request: Request) -> Answer {
    let_in(state, params, request, None)
}

fn let_in(
    state: State,
    params: Params,
    request: Request,
    seat: Option<tokio::sync::OwnedSemaphorePermit>,
) -> Answer {
    // Whoever writes a token into the address learns here that it is not looked at there.
    params.finish()?;
    let Some(endpoint) = state.cx.system.offered::<Endpoint>() else {
        return Err(Problem::of(Code::NOT_FOUND).detail("`ui.websocket` does not run"));
    };
    let route = row().ok_or_else(|| Problem::internal("the table of routes has no row `/ws`"))?;
    endpoint.enter(Door { state, route }, request, seat)
}
