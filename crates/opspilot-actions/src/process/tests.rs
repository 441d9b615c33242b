//! What programs must not be able to do. Each program here is a real one, run through a real helper: the test program
//! itself, started again for the test [`the_helper_does_nothing_unless_it_is_told_to`].

mod containment;
mod ending;
pub(crate) mod harness;

use std::process::ExitCode;

use super::exec_helper;

/// Under a test runner the standard input is no socket that speaks, and nothing happens. Started by a test as a helper
/// it does a helper's work, and its end is the process' end.
#[test]
fn the_helper_does_nothing_unless_it_is_told_to() {
    assert_eq!(exec_helper(), ExitCode::from(2));
}
