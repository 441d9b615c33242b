//! What stands for the receiver in a program without it.

use opspilot_core::module::{Context, RunError};

use super::Config;

/// Never made.
#[derive(Debug)]
pub(super) enum Receiver {}

impl Receiver {
    #[expect(clippy::unused_async, reason = "the signature of the receiver")]
    pub(super) async fn open(_: &Context, _: &Config) -> Result<Self, RunError> {
        Err(RunError::message(
            "this program was built without the `otlp` feature",
        ))
    }

    #[expect(clippy::unused_async, reason = "the signature of the receiver")]
    pub(super) async fn run(self, _: &Context) -> Result<(), RunError> {
        match self {}
    }
}
