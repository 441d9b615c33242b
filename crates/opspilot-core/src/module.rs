//! Modules: everything outside of the core.

mod health;

pub use health::{Health, HealthReporter, HealthStatus};

pub use crate::event::ModuleState;
