//! The one table of routes. The router is built from it, so a route without a row does not exist.
//!
//! Paths are relative to `basePath`. A parameter stands for one segment, whose percent-encoding is undone after the
//! route was chosen; encoded slashes and dots therefore never lead to another route.

mod admission;
mod row;
mod shape;
mod system;
mod work;

use std::sync::LazyLock;

pub use self::row::{Role, Route, Verb};
pub(super) use self::shape::{Body, Content, Form, Input, Reply, Shape};

/// All routes, in the order of the reference page.
#[must_use]
pub fn routes() -> &'static [Route] {
    static ROUTES: LazyLock<Vec<Route>> =
        LazyLock::new(|| [work::ROWS, system::ROWS, admission::ROWS].concat());
    &ROUTES
}
