//! Names and times the steps of a command.

use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::console;

/// Runs one step. On failure the message ends with `advice`: what the reader can do.
///
/// # Errors
/// Whatever `work` returns.
pub(crate) fn step<T>(name: &str, advice: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    console::say(&format!("\n==> {name}"));
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    match result {
        Ok(value) => {
            console::say(&format!("==> {name}: passed in {seconds:.1} s"));
            Ok(value)
        }
        Err(error) => {
            console::say(&format!("==> {name}: FAILED after {seconds:.1} s"));
            Err(anyhow!("{name} failed: {error:#}\nwhat to do: {advice}"))
        }
    }
}

/// Turns a list of faults into one error that shows them all.
///
/// # Errors
/// If there is a fault.
pub(crate) fn refuse(faults: &[String], what: &str) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    for fault in faults {
        console::say(&format!("  {fault}"));
    }
    bail!("{} {what}", faults.len());
}
