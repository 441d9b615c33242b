//! OpsPilot detectors.
pub mod matcher;
