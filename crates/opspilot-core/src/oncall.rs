//! Who is on call: people, rotations and stand-ins, and the channels on which people are reached.
//!
//! [`Schedule::who_is_on_call`] is a pure function of the time: the same answer whoever asks, whenever. [`OnCall`] is the
//! service that holds what the configuration says (offered by `action.escalation`), keeps the stand-ins that people
//! enter at run time, and knows which channels the notifiers have.
//!
//! Time zones come from the database inside the binary, so the machine needs none and all machines agree.

mod escalations;
mod reach;
mod record;
mod rotation;
mod schedule;
mod service;
#[cfg(test)]
mod tests;
mod zone;

pub use escalations::{Escalation, Escalations};
pub use reach::Reached;
pub use record::{Channel, Override, OverrideRequest, Person, Source};
pub use rotation::{Restriction, Rotation, Step, Weekday};
pub use schedule::{Duty, Layer, Schedule};
pub use service::{OnCall, OnCallError, Roster};
pub use zone::Zone;

/// A text of a schedule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(pub(crate) String);
