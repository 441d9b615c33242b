//! The OpsPilot server as a library: a binary with more modules is a `main` of one line.
//!
//! ```no_run
//! # let my_modules: [opspilot_core::module::Factory; 0] = [];
//! # fn main_(my_modules: [opspilot_core::module::Factory; 0]) -> std::process::ExitCode {
//! opspilot_server::run(opspilot_server::registry().with(my_modules))
//! # }
//! ```

mod cli;
mod client;
mod command;
mod exit;
mod output;
mod registry;
mod setup;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;
use opspilot_core::config::Environment;
use opspilot_core::module::Registry;

pub use registry::registry;

use self::cli::{Arguments, Command};
use self::exit::Failure;
use self::setup::Setup;

/// Runs the command line of this process with the modules of `registry`.
#[must_use]
pub fn run(registry: Registry) -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Some(Command::Exec)) {
        return opspilot_actions::exec_helper();
    }
    let setup = Setup {
        registry,
        environment: Environment::capture(),
        config: arguments.config,
        json: arguments.json,
    };
    let result = dispatch(&setup, arguments.command.unwrap_or(Command::Run));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure, setup.json);
            failure.code()
        }
    }
}

fn dispatch(setup: &Setup, command: Command) -> Result<(), Failure> {
    match command {
        Command::Run => command::run::run(setup),
        Command::Check(arguments) => command::check::check(setup, &arguments),
        Command::Approvals { server, command } => {
            command::approvals::approvals(setup, &server, command.as_ref())
        }
        Command::Audit { command } => command::audit::audit(setup, &command),
        Command::Key { server, command } => command::key::key(setup, &server, &command),
        Command::Token { server, command } => command::token::token(setup, &server, &command),
        Command::User { server, command } => command::user::user(setup, &server, &command),
        Command::Replay(arguments) => command::replay::replay(setup, &arguments),
        Command::Init(arguments) => command::init::init(setup, &arguments),
        Command::Modules => command::modules::modules(setup),
        Command::Schema(arguments) => command::schema::schema(setup, &arguments),
        Command::Version => command::version::version(setup),
        Command::Completions { shell } => command::completions::completions(shell),
        // Answered before anything was set up.
        Command::Exec => Ok(()),
    }
}
