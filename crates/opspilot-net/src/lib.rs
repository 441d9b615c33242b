//! Listeners with limits: what everything that serves HTTP shares.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use opspilot_core::metrics::{Counter, Gauge};
//! use opspilot_net::{Answer, Incoming, Limits, Request, ServerMetrics, answer, serve, service_fn};
//! use tokio_util::sync::CancellationToken;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let listener = opspilot_net::bind("127.0.0.1:0".parse().unwrap(), "example").unwrap();
//! let service = service_fn(async |_: Request<Incoming>| Ok::<Answer, Infallible>(answer(204)));
//! let metrics = ServerMetrics { open: Gauge::default(), refused: Counter::default() };
//! let cancel = CancellationToken::new();
//! cancel.cancel();
//! serve(listener, service, Limits::default(), metrics, cancel).await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod bind;
mod body;
pub mod peers;
mod problem;
mod server;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
pub mod tls;
mod upgrade;

pub use bind::{bind, bind_bounded, is_wide, parse_host};
pub use body::{BodyError, read_body};
pub use problem::{Answer, Problem, TrailedAnswer, answer, with_trailers};
pub use server::{Limits, Listener, Peer, Protocol, ServerMetrics, Unserved, serve};
pub use upgrade::{Upgraded, upgrade};

pub use http_body_util::Full;
pub use hyper::body::Incoming;
pub use hyper::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use hyper::{Request, Response};
pub use tower::{Service, service_fn};
