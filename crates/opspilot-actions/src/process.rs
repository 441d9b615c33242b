//! Programs: how one is started, contained and ended with everything that it started.
//!
//! The server never starts a program itself. It starts itself again as a *helper*, which is told over a socket what to
//! do. That process is the **supervisor**: it adopts every orphan among its descendants, keeps the time, drains the
//! output and kills what is left. It starts itself once more, and this second process **locks itself down** and then
//! becomes the program. So no code runs between `fork` and `exec`, and the supervisor stays out of the program's reach.
//!
//! ```text
//! server ──socket──► supervisor ──socket──► locked process ══exec══► program
//!                        ▲  ▲───── output ─────────────────────────────┘
//!                        └── adopts whatever the program leaves behind
//! ```

mod descendants;
mod helper;
mod job;
mod landlock;
mod lock;
mod output;
mod runner;
mod seccomp;
mod start;
mod supervisor;
#[cfg(test)]
pub(crate) mod tests;

pub use helper::exec_helper;
pub(crate) use job::{Account, Confinement, Ended, How, Job, Limits};
pub(crate) use runner::Runner;
