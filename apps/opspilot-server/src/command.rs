//! The commands, one file each.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
mod credentials;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod modules;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod schema;
mod secret;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod version;
