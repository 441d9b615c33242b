//! The parsers of this crate that read bytes from outside: for `cargo xtask fuzz`, and in ordinary tests.

use opspilot_core::testing::fuzz::Target;

#[cfg(feature = "kubernetes")]
use crate::kubernetes::fuzz as kubernetes;
#[cfg(feature = "otlp")]
use crate::otlp::fuzz as otlp;
use crate::{file_tail, journald, metrics, syslog, webhook};

/// All of them.
pub const TARGETS: &[Target] = &[
    syslog::fuzz::FRAMING,
    syslog::fuzz::MESSAGE,
    file_tail::fuzz::LINES,
    journald::fuzz::ENTRIES,
    journald::fuzz::EXPORT,
    webhook::fuzz::BODIES,
    webhook::fuzz::SIGNATURES,
    metrics::fuzz::PROC,
    #[cfg(feature = "otlp")]
    otlp::PROTOBUF,
    #[cfg(feature = "otlp")]
    otlp::JSON,
    #[cfg(feature = "kubernetes")]
    kubernetes::OBJECTS,
    #[cfg(feature = "kubernetes")]
    kubernetes::LOGS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_of_the_connectors_withstand_anything() {
        opspilot_core::testing::fuzz::exercise(TARGETS, 400);
    }
}
