//! `version`: which program this is.

use serde_json::json;

use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(crate) fn version(setup: &Setup) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if setup.json {
        output::json(&json!({ "name": "opspilot-server", "version": version }));
    } else {
        output::line(format!("opspilot-server {version}"));
    }
    Ok(())
}
