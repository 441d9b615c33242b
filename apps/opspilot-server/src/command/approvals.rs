//! `approvals`: what waits for a decision, and the decision.

mod draw;
#[cfg(test)]
mod sample;
mod screen;
mod terminal;
mod verbs;
mod wire;

use std::io::IsTerminal as _;

use anyhow::Context as _;

use crate::cli::{ApprovalsCommand, ServerArguments};
use crate::client::Client;
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

/// Shows the interactive list when a person sits at a terminal and names no command, and otherwise does one thing.
pub(crate) fn approvals(
    setup: &Setup,
    server: &ServerArguments,
    command: Option<&ApprovalsCommand>,
) -> Result<(), Failure> {
    let loaded = setup.load()?;
    output::warnings(&loaded.warnings);
    let client = Client::new(setup, server.server.as_deref(), &loaded.config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let is_interactive =
        !setup.json && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    runtime.block_on(async {
        match command {
            None if is_interactive => terminal::run(&client).await,
            None => verbs::list(&client, "pending", setup.json).await,
            Some(command) => verbs::perform(&client, command, setup.json).await,
        }
    })
}
