//! Actions: from understanding to safe action.

mod process;
pub mod safe;

pub use process::exec_helper;

use opspilot_core::module::Factory;

/// The actions of this crate.
pub const MODULES: &[Factory] = &[Factory::of::<safe::Safe>()];
