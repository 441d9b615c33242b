//! Which modules this program has.

use opspilot_core::module::Registry;

/// The modules of this repository.
#[must_use]
pub fn registry() -> Registry {
    Registry::default()
        .with(opspilot_connectors::MODULES.iter().copied())
        .with(opspilot_detectors::MODULES.iter().copied())
        .with(opspilot_enrichers::MODULES.iter().copied())
        .with(opspilot_actions::MODULES.iter().copied())
        .with(opspilot_notifiers::MODULES.iter().copied())
        .with(opspilot_http::MODULES.iter().copied())
        .with(crate::telemetry::MODULES.iter().copied())
}
