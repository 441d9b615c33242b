//! `cargo xtask layers`: who may import whom.

use anyhow::Result;

use crate::steps::refuse;
use crate::workspace::{Workspace, files};

mod edges;
mod inside;

/// The folder of the core's sources.
const CORE: &str = "crates/opspilot-core/src";

/// Checks the edges between crates, the homes of heavy dependencies and the layers of the core.
///
/// # Errors
/// If an edge is not allowed; all of them are printed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut faults = edges::faults(&workspace.members);
    for file in files(&workspace.root, CORE)? {
        let Some(path) = file
            .strip_prefix(CORE)
            .and_then(|path| path.strip_suffix(".rs"))
        else {
            continue;
        };
        let source = std::fs::read_to_string(workspace.root.join(&file))?;
        let found = inside::faults(path.trim_start_matches('/'), &source);
        faults.extend(found.into_iter().map(|fault| format!("{file}: {fault}")));
    }
    refuse(
        &faults,
        "imports that the layers forbid (docs/CONTRIBUTING.md, \"Layers\")",
    )
}
