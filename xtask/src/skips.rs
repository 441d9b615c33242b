//! What was left out for want of a program: a line each where it happens, and all of them at the end.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::console::say;

/// How a line begins that says what was left out, in the chores and in the tests.
pub(crate) const SKIPPED: &str = "SKIPPED: ";

static LEFT_OUT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says what is left out and what to install, and remembers it for the end.
pub(crate) fn skip(what: &str) {
    say(&format!("{SKIPPED}{what}"));
    remember(format!("{SKIPPED}{what}"));
}

/// Remembers a line that was shown already.
pub(crate) fn remember(line: String) {
    let mut left_out = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    left_out.insert(line);
}

/// Says how much was left out so far, and what.
pub(crate) fn tell(what: &str) {
    let left_out = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    say(&format!(
        "\n{what} passed; {} skipped for want of a counterpart.",
        left_out.len()
    ));
    left_out.iter().for_each(|line| say(&format!("  {line}")));
}
