//! Runbooks: ordered steps for an incident, and the record of each time that they are carried out.
//!
//! A [`Run`] is a document that holds a copy of its steps and how far each has come; it is written after every change,
//! together with the event that tells of it, so a restart loses nothing. `action.runbook` carries runs out; people look
//! at them and take part through [`RunbookRuns`].
//!
//! A step that changes something is an action of the catalogue. It passes the gate like every other action: a run is no
//! way round an approval.

mod machine;
mod record;
mod service;
#[cfg(test)]
mod tests;

pub use machine::{NotNow, Told};
pub use record::{
    Run, RunState, RunStep, Runbook, Step, StepAction, StepKind, StepProposal, StepState,
};
pub use service::{RunbookError, RunbookRuns, Runbooks};
