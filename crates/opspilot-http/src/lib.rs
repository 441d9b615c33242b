//! The HTTP surface of OpsPilot: modules `ui.api`, `ui.websocket` and `ui.dashboard`.
//!
//! Every route is a row of one table, see [`routes`]; the router is built from it.
//!
//! ```
//! let health = opspilot_http::routes().iter().find(|route| route.path == "/health");
//! assert_eq!(health.map(|route| route.role), Some(opspilot_http::Role::Public));
//! ```

mod api;
mod auth;
mod dashboard;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;

use opspilot_core::module::Factory;

pub use api::{Api, Config, Role, Route, Verb, WebSocket, WebSocketConfig, openapi, routes};
pub use auth::{Asked, Issuer, IssuerError, trial};
pub use dashboard::{Config as DashboardConfig, Dashboard};

/// The modules of this crate.
pub const MODULES: &[Factory] = &[
    Factory::of::<Api>(),
    Factory::of::<WebSocket>(),
    Factory::of::<Dashboard>(),
];
