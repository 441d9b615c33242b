//! The core of OpsPilot: events, the bus, storage, incidents, configuration and the module runtime.

pub mod address;
pub mod bus;
pub mod changes;
pub mod clock;
pub mod config;
pub mod deliveries;
pub mod error;
pub mod event;
pub mod health;
pub mod incident;
pub mod journal;
pub mod metrics;
pub mod module;
pub mod oncall;
pub mod resilience;
pub mod rules;
pub mod runtime;
pub mod safety;
pub mod signal;
pub mod storage;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
pub mod views;
