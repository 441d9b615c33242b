//! What the tests of the real binary share: a folder of files, a server process, a small HTTP client, bounded waits.

pub(crate) mod client;
pub(crate) mod files;
pub(crate) mod server;
pub(crate) mod settings;
pub(crate) mod wait;
