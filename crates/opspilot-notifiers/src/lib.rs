//! Notifiers: they tell people.
//!
//! A notifier delivers notices, see [`driver::Notifier`]; the driver does the rest: reading events from the journal
//! with a place of its own, filtering, limiting, retrying, giving up. `notifier.channels` has three of them.

pub mod channels;
pub mod driver;
mod http;
mod reach;
#[cfg(test)]
mod testing;

use opspilot_core::module::Factory;

/// The notifiers of this crate.
pub const MODULES: &[Factory] = &[Factory::of::<channels::Channels>()];
