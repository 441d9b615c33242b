//! The one place that writes to the terminal.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the terminal output of the program"
)]

use std::io::IsTerminal as _;

use opspilot_core::config::{ConfigErrors, Fault};
use opspilot_core::error::{chain, escape};
use serde::Serialize;
use serde_json::json;

use crate::exit::Failure;

/// Prints one line of a command's result.
pub(crate) fn line(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// Prints a value as indented JSON.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("error: the result has no JSON form: {error}"),
    }
}

/// Prints a value as JSON on one line.
pub(crate) fn json_line(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("error: the result has no JSON form: {error}"),
    }
}

/// The output stream, for a command whose result is a stream of its own.
pub(crate) fn stream() -> impl std::io::Write + Send {
    std::io::BufWriter::new(std::io::stdout())
}

/// Prints that a proof failed.
pub(crate) fn unproved(text: &str) {
    eprintln!("{}: {}", paint("not proved", "31;1"), escape(text));
}

/// Prints how a trial went: what is well on the output stream, what is not on the error stream.
pub(crate) fn trial(what: &str, fault: Option<&str>, note: Option<&str>) {
    match (fault, note) {
        (Some(fault), _) => eprintln!("{} {what}: {fault}", paint("failed", "31;1")),
        (None, Some(note)) => println!("ok     {what} ({note})"),
        (None, None) => println!("ok     {what}"),
    }
}

/// Asks for something on the same line.
pub(crate) fn prompt(text: &str) {
    eprint!("{}", escape(text));
}

/// Prints a remark that is not part of the result.
pub(crate) fn remark(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// Prints what is doubtful in a configuration.
pub(crate) fn warnings(warnings: &[Fault]) {
    for warning in warnings {
        eprintln!("{}: {warning}", paint("warning", "33"));
    }
}

/// Prints why the command failed.
pub(crate) fn failure(failure: &Failure, as_json: bool) {
    match failure {
        Failure::Config(errors) if as_json => {
            json(&json!({ "ok": false, "faults": errors.faults(), "warnings": errors.warnings() }));
        }
        Failure::Config(errors) => faults(errors),
        Failure::CutShort | Failure::Unproved => {}
        Failure::Usage(message) => eprintln!("{}: {}", paint("error", "31;1"), escape(message)),
        Failure::Broken(error) => {
            eprintln!("{}: {}", paint("error", "31;1"), chain(error.as_ref()));
        }
    }
}

fn faults(errors: &ConfigErrors) {
    warnings(errors.warnings());
    for fault in errors.faults() {
        eprintln!("{}: {fault}", paint("error", "31;1"));
    }
    let count = errors.faults().len();
    let noun = if count == 1 { "fault" } else { "faults" };
    eprintln!("{count} {noun}; nothing was changed or started");
}

/// Colours `text` when a person reads the error stream.
fn paint(text: &str, code: &str) -> String {
    if std::io::stderr().is_terminal() {
        return format!("\u{1b}[{code}m{text}\u{1b}[0m");
    }
    text.to_owned()
}
