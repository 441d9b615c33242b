//! Real files in a temporary folder, a clock that only moves when told to, and crashes that keep what was stored.

mod harness;
mod random;
mod rotations;
