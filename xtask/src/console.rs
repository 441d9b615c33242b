//! What the chores print. The only file that does.

/// Prints a line to standard output.
#[expect(clippy::print_stdout, reason = "the chores talk to a terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints a line to standard error.
#[expect(clippy::print_stderr, reason = "the chores talk to a terminal")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}
