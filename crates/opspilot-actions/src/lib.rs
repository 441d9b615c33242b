//! Actions: from understanding to safe action.

#[cfg(test)]
mod dying;
pub mod escalation;
pub mod runbook;

use opspilot_core::module::Factory;

/// The actions of this crate.
pub const MODULES: &[Factory] = &[
    Factory::of::<escalation::Escalation>(),
    Factory::of::<runbook::Runbook>(),
];
