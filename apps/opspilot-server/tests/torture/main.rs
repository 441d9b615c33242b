//! Proves that no line is lost and none is counted twice, whatever happens to the log and to the server.
//!
//! A writer writes numbered lines at speed and rotates the log, while the server is killed with SIGKILL at random
//! moments and started again. In the end the incidents' evidence must name every marked line exactly once.
//!
//! - `OPSPILOT_TORTURE_KILLS=1000` spreads that many kills over the tests, in place of a few dozen.
//! - `OPSPILOT_TORTURE_SEED=…` repeats a run's decisions. A failure prints the command with its seed.

#[cfg(test)]
#[path = "../common/common.rs"]
#[expect(dead_code, reason = "the other test binary uses the rest")]
mod common;

#[cfg(test)]
mod torture;
