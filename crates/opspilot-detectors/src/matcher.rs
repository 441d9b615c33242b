//! Finds which of many patterns match which records of a batch.
//!
//! A pattern is a JavaScript regular expression and sees the record as text: bytes that are not UTF-8 count as
//! U+FFFD. [`PatternSet::scan`] gives exactly the answer of trying every pattern on every record alone. It gets there
//! in two steps:
//!
//! 1. *Candidates.* Every pattern is reduced to literals one of which is in each of its matches. All of them are looked
//!    for in one pass over the batch's buffer, a few bytes at a time (`grams`). Patterns without such literals
//!    share one automaton that matches at least what they match (`rest`).
//! 2. *Proof.* A candidate record is given to the pattern's own regex.
//!
//! Nothing is allocated for a record that no pattern matches.

mod class;
mod flags;
mod grams;
mod javascript;
mod lane;
mod literals;
mod locate;
mod pattern;
mod plan;
mod rest;
mod set;
mod short;
#[cfg(test)]
mod tests;
mod translate;

pub use flags::Flags;
pub use pattern::{MAX_PATTERN_CHARS, Pattern, PatternError};
pub use set::{Hit, MAX_PATTERNS, PatternSet};
