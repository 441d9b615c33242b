//! Actions: from understanding to safe action.

#[cfg(test)]
mod dying;
pub mod escalation;
mod process;
pub mod runbook;
pub mod safe;

pub use process::exec_helper;

use opspilot_core::module::Factory;

/// The actions of this crate.
pub const MODULES: &[Factory] = &[
    Factory::of::<escalation::Escalation>(),
    Factory::of::<runbook::Runbook>(),
    Factory::of::<safe::Safe>(),
];
