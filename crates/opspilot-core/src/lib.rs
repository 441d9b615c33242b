//! The core of OpsPilot: events, the bus, storage, incidents, configuration and the module runtime.

pub mod clock;
pub mod error;
pub mod event;
pub mod incident;
pub mod metrics;
pub mod module;
pub mod resilience;
pub mod signal;
pub mod storage;
