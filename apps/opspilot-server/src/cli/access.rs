//! Who may do what: keys, tokens and users.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, ValueEnum};
use opspilot_core::config::{Kind, Role, parse_span};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it, this once
    Create {
        /// Whose key it is: the name in the audit log
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        label: String,
        /// What it allows
        #[arg(long)]
        role: RoleArgument,
        /// Who holds it; only people approve
        #[arg(long, default_value = "service")]
        kind: KindArgument,
        /// How long it lives, such as `12h` or `90d`; a year at most [default: 90d]
        #[arg(long, value_name = "SPAN", value_parser = parse_span)]
        expires: Option<Duration>,
    },
    /// Revoke a key, from the next request on
    Revoke {
        /// The part between `opk_` and the next `_`
        id: String,
    },
    /// List all keys, newest first
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Issue a token and print it, this once
    Issue {
        /// Whose token it is: the name in the audit log
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        subject: String,
        /// What it allows
        #[arg(long)]
        role: RoleArgument,
        /// Who holds it; only people approve
        #[arg(long, default_value = "human")]
        kind: KindArgument,
        /// How long it lives, such as `30m`; at most `auth.jwtExpiresIn`, for programs an hour [default: the longest]
        #[arg(long, value_name = "SPAN", value_parser = parse_span)]
        expires: Option<Duration>,
    },
    /// Revoke a token, or all tokens of a subject, from the next request on
    Revoke {
        /// The token's id
        #[arg(required_unless_present = "subject", conflicts_with = "subject")]
        jti: Option<String>,
        /// Revoke everything that was issued to this subject until now, by whomever
        #[arg(long)]
        subject: Option<String>,
    },
    /// List the tokens that were issued here, newest first
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody; the password is asked for, or is the one line of standard input
    Add {
        /// Who it is: the name in the audit log; upper case is taken for lower case
        name: String,
        /// What they may
        #[arg(long)]
        role: RoleArgument,
    },
    /// Set a password, which ends the sessions of its user; it is asked for, or is the one line of standard input
    Password {
        /// Whose
        name: String,
    },
    /// Give somebody another role, from the next request on
    Role {
        /// Who
        name: String,
        /// What they may from now on
        role: RoleArgument,
    },
    /// Remove somebody, which ends their sessions
    Remove {
        /// Who
        name: String,
    },
    /// List all of them, newest first
    List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArgument {
    /// Reads
    Viewer,
    /// Also works on incidents
    Operator,
    /// Also administers
    Admin,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Viewer => Self::Viewer,
            RoleArgument::Operator => Self::Operator,
            RoleArgument::Admin => Self::Admin,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindArgument {
    /// A person
    Human,
    /// A program
    Service,
    /// A program that is driven by a model
    Agent,
}

impl From<KindArgument> for Kind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::Human => Self::Human,
            KindArgument::Service => Self::Service,
            KindArgument::Agent => Self::Agent,
        }
    }
}
