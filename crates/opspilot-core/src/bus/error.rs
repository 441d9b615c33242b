//! Why an event was not published.

use std::sync::Arc;

use crate::storage::StorageError;

/// Why an event was not published.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The module's manifest does not name the type.
    #[error("module `{module}` does not declare that it {verb} `{event}`")]
    Undeclared {
        /// The module.
        module: &'static str,
        /// `emits` or `consumes`.
        verb: &'static str,
        /// The wire type.
        event: &'static str,
    },
    /// The event could not be stored.
    #[error("the event could not be stored")]
    Storage(#[source] Arc<StorageError>),
    /// The bus was closed.
    #[error("the bus is closed")]
    Closed,
}
