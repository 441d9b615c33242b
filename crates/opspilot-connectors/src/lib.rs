//! Connectors: they bring raw signal in.
//!
//! Every connector is a [`Module`](opspilot_core::module::Module) that sends [`LogBatch`](opspilot_core::signal::LogBatch)
//! values and stores its position only when they are acknowledged; see the README.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod intake;
mod lines;
mod progress;
#[cfg(test)]
mod testing;

pub mod cloudwatch;
pub mod file_tail;
pub mod health_check;
pub mod journald;
pub mod kubernetes;
pub mod listen;
pub mod metrics;
pub mod otlp;
pub mod syslog;
pub mod webhook;

use opspilot_core::module::Factory;

/// The connectors of this crate.
pub const MODULES: &[Factory] = &[
    Factory::of::<cloudwatch::CloudWatch>(),
    Factory::of::<file_tail::FileTail>(),
    Factory::of::<health_check::HealthCheck>(),
    Factory::of::<journald::Journald>(),
    Factory::of::<kubernetes::Kubernetes>(),
    Factory::of::<metrics::Metrics>(),
    Factory::of::<otlp::Otlp>(),
    Factory::of::<syslog::Syslog>(),
    Factory::of::<webhook::Webhook>(),
];
