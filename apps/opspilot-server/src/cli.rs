//! The command line.

mod access;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;

pub(crate) use access::{KeyCommand, TokenCommand, UserCommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  all went well
  1  something did not work: a port in use, a disk full, an audit log that is not whole, a trial of `check --online`
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
    Check(CheckArguments),
    /// Show what waits for a decision, and decide it; without a command, as a list at the terminal
    Approvals {
        #[command(flatten)]
        server: ServerArguments,
        /// What to do
        #[command(subcommand)]
        command: Option<ApprovalsCommand>,
    },
    /// Prove that the audit log is whole, or write it out
    Audit {
        /// What to do
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Make, revoke and list API keys, on the storage or on a running server
    Key {
        #[command(flatten)]
        server: ServerArguments,
        /// What to do
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Issue, revoke and list tokens (JWT), on the storage or on a running server
    Token {
        #[command(flatten)]
        server: ServerArguments,
        /// What to do
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Add, change, remove and list people who sign in by password, on the storage or on a running server
    User {
        #[command(flatten)]
        server: ServerArguments,
        /// What to do
        #[command(subcommand)]
        command: UserCommand,
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

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Also try once whatever it reaches: files, addresses to listen on, programs, clusters, channels, the storage
    ///
    /// Each trial takes 10 seconds at most, all at once. Nothing is changed: files are read for a byte, addresses are
    /// released at once, and nobody is notified (web hooks are connected to and sent nothing). Run it as the user that
    /// OpsPilot runs as. Exit code 1 if anything does not work.
    #[arg(long)]
    pub(crate) online: bool,

    /// Take every warning for a fault, such as a secret that stands in the file; for pipelines
    #[arg(long)]
    pub(crate) strict: bool,
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

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// List proposals
    List {
        /// Those in these states, separated by commas
        #[arg(long, default_value = "pending")]
        status: String,
    },
    /// Show one proposal in full
    Show {
        /// Its id; of one that waits, the beginning or the end is enough
        id: String,
    },
    /// Approve a proposal that somebody else made: it is done at once
    Approve {
        /// Its id; the beginning or the end is enough
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Deny a proposal that somebody else made
    Deny {
        /// Its id; the beginning or the end is enough
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take back a proposal of your own
    Cancel {
        /// Its id; the beginning or the end is enough
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Propose an action
    Propose {
        /// The type of action, as the catalogue names it
        action_type: String,
        /// The value of a parameter; a number or true or false is taken as such
        #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = argument)]
        arguments: Vec<(String, Value)>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// The incident that it should help
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
        /// Show what it would be, and propose nothing
        #[arg(long)]
        preview: bool,
    },
}

/// The value of a parameter as it is written on the command line.
fn argument(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` has no `=`: write NAME=VALUE"))?;
    let plain = serde_json::from_str(value)
        .ok()
        .filter(|value: &Value| matches!(value, Value::Number(_) | Value::Bool(_)));
    let value = plain.unwrap_or_else(|| Value::from(value));
    Ok((name.to_owned(), value))
}

/// Which server to ask.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// The API of a running server, such as `http://127.0.0.1:3000/api`; `OPSPILOT_API_KEY` holds the key to show
    /// [default: the storage of the configuration, or the server that uses it]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) server: Option<String>,
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
    /// The HTTP API as an OpenAPI document
    Openapi,
}
