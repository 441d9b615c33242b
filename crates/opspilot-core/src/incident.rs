//! Incidents: the record, its state machine, and the one service that changes them.

mod id;
mod record;
mod state;

pub use id::IncidentId;
pub use record::{Flapping, Incident, IncidentFilter, Severity, TimelineEntry};
pub use state::{IllegalTransition, Status, Transition};
