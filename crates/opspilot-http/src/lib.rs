//! The HTTP surface of OpsPilot: module `ui.api`.
//!
//! Every route is a row of one table, see [`routes`]; the router is built from it.
//!
//! ```
//! let health = opspilot_http::routes().iter().find(|route| route.path == "/health");
//! assert_eq!(health.map(|route| route.role), Some(opspilot_http::Role::Public));
//! ```

mod api;
mod auth;

use opspilot_core::module::Factory;

pub use api::{Api, Config, Role, Route, Verb, routes};
pub use auth::{Asked, Issuer, IssuerError};

/// The modules of this crate.
pub const MODULES: &[Factory] = &[Factory::of::<Api>()];
