//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0  all went well
  1  something did not work: a port in use, a disk full, an audit log that is not whole
  2  an argument or the configuration is wrong, or a test of a rule fails
  3  a second signal cut the stop short";

/// Turns raw signals into incidents, and proposes safe actions
#[derive(Debug, Parser)]
#[command(name = "opspilot-server", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// The configuration file [default: config/default.yaml]
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Print data as JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server in the foreground (the default)
    Run,
    /// Check the configuration and the tests of its rules, and name every fault
    Check,
    /// Prove that the audit log is whole, or write it out
    Audit {
        /// What to do
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Run the rules over log files and show what would have happened
    Replay(ReplayArguments),
    /// Write a first configuration
    Init(InitArguments),
    /// List the modules of this program
    Modules,
    /// Print a JSON description for programs and editors
    Schema(SchemaArguments),
    /// Print the version
    Version,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// What the server starts itself as to run a program of an action
    #[command(name = "__exec", hide = true)]
    Exec,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Prove an export, or the log of a server that is stopped, and name the first entry that is wrong
    Verify(VerifyArguments),
    /// Write the whole log of a server that is stopped, as lines of JSON that prove themselves
    Export {
        /// The file to write; it must not exist [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the public key that proves the log of this server
    Key,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// An export; `-` reads standard input [default: the log in the storage of the configuration]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The public key that must have signed the log, or a file that holds it
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// A file with a checkpoint that was kept elsewhere: proves that the log was not rolled back behind it
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Log files, in the order in which they were written; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The folder to write to
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,

    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// What to describe
    pub(crate) subject: Subject,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Subject {
    /// The configuration file, as a JSON Schema
    Config,
    /// Every event type, as one JSON Schema
    Events,
    /// The environment variables
    Variables,
    /// The metrics
    Metrics,
    /// The routes of the HTTP API
    Routes,
}
