//! Actions: from understanding to safe action.

use opspilot_core::module::Factory;

/// The actions of this crate.
pub const MODULES: &[Factory] = &[];
