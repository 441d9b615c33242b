//! The server's binary, as the tests build it.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{self, cargo};
use crate::workspace::{PROFILE, Workspace};

/// Name of the binary and of its crate.
pub(crate) const NAME: &str = "opspilot-server";

/// Builds the server and returns the path of its binary.
///
/// Builds the same units as `cargo xtask test`: after it, nothing is left to compile.
///
/// # Errors
/// If the build fails.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let line = format!("build --workspace --bins --tests --profile {PROFILE}");
    process::run(&mut cargo(&workspace.root, &line))?;
    Ok(workspace.target.join(PROFILE).join(NAME))
}
