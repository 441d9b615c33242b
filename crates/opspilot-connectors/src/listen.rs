//! What every listener on the network needs here: sockets with clear errors, certificates that are renewed, bounds for
//! senders over HTTP, and troubles that are told once and forgotten when they are over. TLS and bounds for peers are
//! those of `opspilot-net`.

pub mod bind;
pub(crate) mod front;
#[cfg(test)]
pub(crate) mod papers;
pub(crate) mod renewal;
pub mod troubles;
