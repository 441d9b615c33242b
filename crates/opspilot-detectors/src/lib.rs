//! Detectors: they turn log records into incidents.

mod cap;
mod detector;
mod driver;
mod limiter;
pub mod matcher;
pub mod regex;
mod rules;
mod tally;
mod template;
#[cfg(test)]
mod testing;
pub mod threshold;

pub use detector::{Detector, DetectorModule, Finding, Reason};
pub use driver::{Driven, MODULES, build, manifest};
