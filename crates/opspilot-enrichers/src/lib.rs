//! Enrichers: they turn incidents into understanding.
//!
//! `enricher.dedup` absorbs an incident that repeats an earlier one, `enricher.incidentStore` stores what is left and
//! keeps the store small. Both work as stages, in the transaction that stores the event; see the README.

pub mod dedup;
pub mod incident_store;

#[cfg(test)]
mod testing;

use opspilot_core::module::Factory;

/// The enrichers of this crate.
pub const MODULES: &[Factory] = &[
    Factory::of::<dedup::Dedup>(),
    Factory::of::<incident_store::IncidentStore>(),
];
