//! Incidents: the record, its state machine, and the one service that changes them.

mod audit;
mod change;
mod flapping;
mod id;
mod record;
mod service;
mod state;
#[cfg(test)]
mod tests;

pub use id::IncidentId;
pub use record::{Flapping, Incident, IncidentFilter, Severity, TimelineEntry};
pub use service::{Change, IncidentError, Incidents};
pub use state::{IllegalTransition, Status, Transition};
