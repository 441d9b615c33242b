//! OpsPilot connectors.

pub mod file_tail;
