//! Connectors: they bring raw signal in.
//!
//! Every connector is a [`Module`](opspilot_core::module::Module) that sends [`LogBatch`](opspilot_core::signal::LogBatch)
//! values and stores its position only when they are acknowledged; see the README.

pub mod file_tail;
pub mod journald;
pub mod kubernetes;
mod lines;
pub mod metrics;

use opspilot_core::module::Factory;

/// The connectors of this crate.
pub const MODULES: &[Factory] = &[
    Factory::of::<file_tail::FileTail>(),
    Factory::of::<journald::Journald>(),
    Factory::of::<kubernetes::Kubernetes>(),
    Factory::of::<metrics::Metrics>(),
];
